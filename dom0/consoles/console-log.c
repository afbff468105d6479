/*
 * Console logs.  See console-log.h.
 */
#include "consoles/console-log.h"

#include <errno.h>
#include <stdio.h>

#include "libc/libc.h"
#include "libc/ram-files.h"

#define DIRECTORY "/var/log/xen/console"

int console_log_start(void)
{
    int error = ram_files_mkdir_all(DIRECTORY);

    return error == -EEXIST ? 0 : error;
}

void console_log_add(const char *guest, const char *text, size_t length)
{
    char path[128], old[140];
    size_t size;

    if (!length || !libc_memory_allows(length))
        return;
    snprintf(path, sizeof(path), DIRECTORY "/guest-%.60s.log", guest);
    if (ram_files_append(path, text, length, &size) || size < CONSOLE_LOG_MAX)
        return;
    snprintf(old, sizeof(old), "%s.old", path);
    remove(old);
    if (rename(path, old))
        remove(path);
}

/*
 * The consoles' logs on dom0's RAM files: bounded however often a guest of a name comes back, and
 * without a descriptor each.
 *
 * Sources: dom0/consoles/console-log.c dom0/libc/ram-files.c dom0/libc/ram-archive.c
 *   dom0/libc/file-node.c
 * Flags: -Drename=ram_rename -Dremove=ram_remove
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "consoles/console-log.h"
#include "libc/file-node.h"
#include "libc/libc.h"
#include "libc/ram-files.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/kernel.h"

#define LOG "/var/log/xen/console/guest-greedy.log"

static bool memory_is_short;
struct start_info *start_info;

bool libc_memory_allows(size_t bytes)
{
    (void)bytes;
    return !memory_is_short;
}

uint64_t clock_wall_ns(void)
{
    return 0;
}

void kernel_panic(const char *format, ...)
{
    fail_msg("%s", format);
    abort();
}

int ram_remove(const char *path);

int ram_remove(const char *path)
{
    struct ram_file *node;

    if (file_node_find(path, &node))
        return -1;
    file_node_unlink(node);
    return 0;
}

int ram_rename(const char *from, const char *to);

int ram_rename(const char *from, const char *to)
{
    return ram_files.operations->rename(&ram_files, from, to) ? -1 : 0;
}

static size_t size_of(const char *path)
{
    struct file_status status;

    return ram_files.operations->status(&ram_files, path, &status) ? 0 : status.size;
}

static void logs_are_bounded(void **state)
{
    static char line[1000];
    struct file_system_usage usage;

    (void)state;
    assert_int_equal(console_log_start(), 0);
    memset(line, 'x', sizeof(line));
    for (int i = 0; i < 5000; i++) {
        console_log_add("greedy", line, sizeof(line));
        assert_in_range(size_of(LOG), 0, CONSOLE_LOG_MAX + sizeof(line));
    }
    assert_in_range(size_of(LOG ".old"), CONSOLE_LOG_MAX, CONSOLE_LOG_MAX + sizeof(line));
    ram_files.operations->usage(&ram_files, &usage);
    assert_in_range(usage.used_bytes, CONSOLE_LOG_MAX, 4 * CONSOLE_LOG_MAX);
    assert_int_equal(usage.files, 6); /* four directories and the two */
}

static void nothing_is_added_when_memory_is_short(void **state)
{
    size_t before = size_of(LOG);

    (void)state;
    memory_is_short = true;
    console_log_add("greedy", "more", 4);
    console_log_add("another", "more", 4);
    assert_int_equal(size_of(LOG), before);
    memory_is_short = false;
    console_log_add("greedy", "more", 4);
    assert_int_equal(size_of(LOG), before + 4);
    ram_remove(LOG);
    ram_remove(LOG ".old");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logs_are_bounded),
        cmocka_unit_test(nothing_is_added_when_memory_is_short),
    };

    return cmocka_run_group_tests_name("console-log", tests, NULL, NULL);
}

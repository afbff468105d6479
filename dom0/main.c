/*
 * Main: dom0's start-up story, a call per line, in the order things need each other.
 */
#include "consoles/consoles.h"
#include "devices/devices.h"
#include "devices/keyboard.h"
#include "libc/files.h"
#include "libc/libc.h"
#include "network/bridges.h"
#include "network/host.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/print.h"
#include "shell/shell.h"
#include "split-drivers/block/back/block-back.h"
#include "split-drivers/net/back/bridge-nodes.h"
#include "split-drivers/net/back/net-back.h"
#include "storage/storage.h"
#include "tasks/console-input.h"
#include "tasks/task.h"
#include "xenstore/service.h"
#include <stdio.h>
#include <string.h>

int vmctl_main(int argc, char **argv);

static void must(int error, const char *what)
{
    if (error)
        kernel_panic("%s did not start: %s", what, strerror(-error));
}

/* Is this word on the command line? */
static bool has_word(const char *line, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = line; (at = strstr(at, word)); at += length)
        if ((at == line || at[-1] == ' ') && (at[length] == ' ' || !at[length]))
            return true;
    return false;
}

/* Of a folder's configs, in the order of their names, the one behind the one started last. */
struct next_config {
    char started[256], next[256];
};

static int find_next_config(void *argument, const struct file_entry *entry)
{
    struct next_config *find = argument;
    size_t length = strlen(entry->name);

    if (entry->is_directory || length < 5 || strcmp(entry->name + length - 4, ".cfg"))
        return 0;
    if (strcmp(entry->name, find->started) > 0 &&
        (!*find->next || strcmp(entry->name, find->next) < 0))
        strcpy(find->next, entry->name);
    return 0;
}

/* Starts the guests whose configs lie in the folder, in the order of their names. */
static void start_folder(const char *folder)
{
    struct next_config find = { 0 };

    for (;;) {
        char path[300];
        char *argv[] = { (char *)"vmctl", (char *)"create", path, NULL };

        find.next[0] = 0;
        files_list(folder, find_next_config, &find);
        if (!*find.next)
            return;
        strcpy(find.started, find.next);
        snprintf(path, sizeof(path), "%s/%s", folder, find.next);
        if (vmctl_main(3, argv))
            printf("dom0: %s was not started\n", path);
    }
}

static void guests_autostart(const char *command_line)
{
    if (has_word(command_line, "autostart=off") || has_word(command_line, "autostart=no") ||
        has_word(command_line, "autostart=0"))
        return;
    start_folder("/etc/vmctl/auto");
    start_folder(STORAGE_DATA "/vmctl/auto");
}

void guest_main(struct start_info *si)
{
    event_ports_use_fifo();
    tasks_start();
    console_input_start();
    libc_start();
    printf("Paravane dom0: %lu MiB, %lu MiB free; command line \"%s\"\n",
           (unsigned long)(si->nr_pages >> 8), (unsigned long)(frames_free_count() >> 8),
           (const char *)si->cmd_line);
    must(devices_start(), "devices");
    must(storage_start((const char *)si->cmd_line), "storage");
    must(keyboard_start((const char *)si->cmd_line), "keyboard");
    must(bridges_start(), "bridges");
    must(host_start((const char *)si->cmd_line), "dom0's network");
    must(xenstore_start(), "xenstore");
    must(consoles_start(), "guest consoles");
    must(block_back_start(), "block backend");
    must(bridge_nodes_start(), "bridges' nodes");
    must(net_back_start(), "net backend");
    guests_autostart((const char *)si->cmd_line);
    must(shell_start(), "shell");
    for (;;)
        task_sleep_ns(3600ULL * 1000000000);
}

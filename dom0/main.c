/*
 * Main: dom0's start-up story, a call per line, in the order things need each other.
 */
#include "consoles/consoles.h"
#include "devices/devices.h"
#include "devices/keyboard.h"
#include "libc/libc.h"
#include "libc/ram-files.h"
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

/* Starts the guests whose configs lie in /etc/vmctl/auto, in the order of their names. */
static void guests_autostart(const char *command_line)
{
    struct ram_dir_entry entry;
    char started[256] = "";

    if (has_word(command_line, "autostart=off") || has_word(command_line, "autostart=no") ||
        has_word(command_line, "autostart=0"))
        return;

    for (;;) {
        char next[256] = "", path[300];
        char *argv[] = { (char *)"vmctl", (char *)"create", path, NULL };

        for (size_t i = 0; !ram_files_list("/etc/vmctl/auto", i, &entry); i++) {
            size_t length = strlen(entry.name);

            if (entry.is_directory || length < 5 || strcmp(entry.name + length - 4, ".cfg"))
                continue;
            if (strcmp(entry.name, started) > 0 && (!*next || strcmp(entry.name, next) < 0))
                strcpy(next, entry.name);
        }
        if (!*next)
            return;
        strcpy(started, next);
        snprintf(path, sizeof(path), "/etc/vmctl/auto/%s", next);
        if (vmctl_main(3, argv))
            printf("dom0: %s was not started\n", path);
    }
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

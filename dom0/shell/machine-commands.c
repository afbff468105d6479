/*
 * vmctl free dmesg lspci lsblk ps date uptime sleep reboot poweroff: the machine.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devices/block-device.h"
#include "devices/pci-names.h"
#include "hypercall-abi/sched.h"
#include "libc/files.h"
#include "libc/libc.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "shell/commands.h"
#include "shell/end-guests.h"
#include "shell/shell.h"
#include "tasks/console-input.h"
#include "tasks/run-times.h"
#include "tasks/task.h"
#include "vmctl/command.h"

#define GUESTS_END_SECONDS 15
#define GLANCE_NS          50000000u /* between two looks for Ctrl-C */

static int memory(int argc, char **argv)
{
    unsigned long total = frames_total() * 4, unused = frames_free_count() * 4;
    size_t heap, used;

    (void)argv;
    if (argc != 1)
        return shell_usage("free");
    libc_memory_usage(&heap, &used);
    printf("            total       used       free   (KiB, dom0's own)\n");
    printf("Mem:   %10lu %10lu %10lu\n", total, total - unused, unused);
    printf("Heap:  %10lu %10lu %10lu   (a part of what is used above)\n", (unsigned long)heap >> 10,
           (unsigned long)used >> 10, (unsigned long)(heap - used) >> 10);
    return 0;
}

static int dmesg(int argc, char **argv)
{
    char *words[] = { (char *)"vmctl", (char *)"dmesg", argc > 1 ? argv[1] : NULL, NULL };

    return vmctl_main(argc > 1 ? 3 : 2, words);
}

static int lspci(int argc, char **argv)
{
    char place[PCI_PLACE_BYTES];

    (void)argv;
    if (argc != 1)
        return shell_usage("lspci");
    for (struct pci_device *at = pci_devices_first(); at; at = at->next) {
        pci_short_place(at, place);
        printf("%s %s [%04x]: %04x:%04x (rev %02x)%s%s\n", place, pci_class_name(at),
               at->class_code << 8 | at->subclass, at->vendor, at->device, at->revision,
               at->driver ? " driver " : "", at->driver ? at->driver : "");
    }
    return 0;
}

static int lsblk(int argc, char **argv)
{
    (void)argv;
    if (argc != 1)
        return shell_usage("lsblk");
    printf("NAME             SIZE(MiB)  RO  USE   LABEL\n");
    for (struct block_device *at = block_devices_first(); at; at = at->next) {
        printf("%s%-*s %9llu %3s  %-5s %s", at->parent ? "  " : "", at->parent ? 14 : 16, at->name,
               (unsigned long long)at->sectors >> 11, at->read_only ? "yes" : "no",
               at->writers   ? "write"
               : at->readers ? "read"
                             : "-",
               at->parent ? at->partition_name : at->model);
        if (!at->parent)
            printf(" pci-%s %s sectors of %u", at->place, at->id,
                   (unsigned int)at->limits.sector_size);
        printf("\n");
    }
    return 0;
}

static int tasks(int argc, char **argv)
{
    (void)argv;
    if (argc != 1)
        return shell_usage("ps");
    task_print_all();
    return 0;
}

/* How long dom0's tasks ran without giving way. */
static int run_times(int argc, char **argv)
{
    const struct run_times *times = run_times_get();
    bool clear = argc == 2 && !strcmp(argv[1], "-c");

    if (argc > 1 && !clear)
        return shell_usage("tasks [-c]");
    printf("ran without giving way      times\n");
    for (unsigned int i = 0; i + 1 < RUN_TIMES_BUCKETS; i++)
        printf("below %9llu us %12llu\n", (unsigned long long)run_times_limits[i] / 1000,
               (unsigned long long)times->count[i]);
    printf("longer %21llu\n", (unsigned long long)times->count[RUN_TIMES_BUCKETS - 1]);
    printf("longest %8llu us: %s\n", (unsigned long long)times->longest / 1000,
           times->longest_task);
    if (clear)
        run_times_clear();
    return 0;
}

static int date(int argc, char **argv)
{
    time_t now = (time_t)(clock_wall_ns() / 1000000000);
    char text[64];

    (void)argv;
    if (argc != 1)
        return shell_usage("date");
    strftime(text, sizeof(text), "%a %b %e %H:%M:%S UTC %Y", gmtime(&now));
    printf("%s\n", text);
    return 0;
}

static int uptime(int argc, char **argv)
{
    unsigned long long up = clock_monotonic_ns() / 1000000;

    (void)argv;
    if (argc != 1)
        return shell_usage("uptime");
    printf("up %llu.%03llu s\n", up / 1000, up % 1000);
    return 0;
}

static int rest(int argc, char **argv)
{
    int64_t duration = argc == 2 ? command_seconds(argv[1]) : -1;
    uint64_t end = clock_monotonic_ns() + (uint64_t)duration, now;

    if (duration < 0)
        return shell_usage("sleep SECONDS");
    while ((now = clock_monotonic_ns()) < end) {
        if (console_take_interrupt()) {
            fprintf(stderr, "sleep: interrupted\n");
            return 1;
        }
        task_sleep_ns(end - now < GLANCE_NS ? end - now : GLANCE_NS);
    }
    return 0;
}

/* -f: at once; else the guests end first. */
static bool end_guests_first(int argc, char **argv)
{
    if (argc > 2 || (argc == 2 && strcmp(argv[1], "-f") != 0))
        return false;
    if (argc == 1)
        guests_end(GUESTS_END_SECONDS);
    return true;
}

static int power_off(int argc, char **argv)
{
    if (!end_guests_first(argc, argv))
        return shell_usage("poweroff [-f]");
    files_end();
    printf("powering off\n");
    shell_script_ends(0); /* a script that switches the machine off has come to its end */
    kernel_shutdown(SHUTDOWN_poweroff);
}

static int restart(int argc, char **argv)
{
    if (!end_guests_first(argc, argv))
        return shell_usage("reboot [-f]");
    files_end();
    printf("rebooting\n");
    fflush(stdout);
    kernel_shutdown(SHUTDOWN_reboot);
}

int shell_failed(const char *name, int error)
{
    fprintf(stderr, "%s: %s\n", name, strerror(-error));
    return 1;
}

int shell_usage(const char *usage)
{
    fprintf(stderr, "usage: %s\n", usage);
    return 2;
}

int shell_machine_commands_register(void)
{
    static const struct shell_command commands[] = {
        { "vmctl", vmctl_main, "COMMAND...: guests (vmctl help)" },
        { "free", memory, ": dom0's memory" },
        { "dmesg", dmesg, "[-c]: the hypervisor's log" },
        { "lspci", lspci, ": PCI devices" },
        { "lsblk", lsblk, ": disks and partitions" },
        { "ps", tasks, ": dom0's tasks" },
        { "tasks", run_times, "[-c]: how long tasks ran without giving way; -c: and forget it" },
        { "date", date, ": the time of day" },
        { "uptime", uptime, ": how long the machine has been up" },
        { "sleep", rest, "SECONDS: wait" },
        { "poweroff", power_off, "[-f]: end the guests and switch the machine off" },
        { "reboot", restart, "[-f]: end the guests and start the machine again" },
    };
    int error = 0;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && !error; i++)
        error = shell_command_register(&commands[i]);
    return error;
}

int shell_commands_register(void)
{
    int error = shell_file_commands_register();

    if (!error)
        error = shell_copy_commands_register();
    if (!error)
        error = shell_mount_commands_register();
    if (!error)
        error = shell_store_commands_register();
    if (!error)
        error = shell_network_commands_register();
    return error ? error : shell_machine_commands_register();
}

/*
 * vmctl: the command table, options common to all, and help.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmctl/command.h"
#include "vmctl/config/nearest-key.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

static int command_help(struct command_context *context, int argc, char **argv);

static const struct command commands[] = {
    { "create", command_create, "[-c] [-p] [-q] [-F] CONFIG [KEY=VALUE...]", "start a guest",
      false },
    { "list", command_list, "[--json] [-v] [NAME...]",
      "guests, with memory, vCPUs, state and CPU time", false },
    { "info", command_info, "[--json]", "the machine and the hypervisor", true },
    { "console", command_console, "NAME [--send LINE] [--expect REGEX] [--timeout S]",
      "a guest's console; leave with Ctrl-]", false },
    { "pause", command_pause, "NAME", "stop a guest's vCPUs", false },
    { "unpause", command_unpause, "NAME", "let them run again", false },
    { "shutdown", command_shutdown, "[-w] NAME", "ask a guest to power off; -w waits for it",
      false },
    { "reboot", command_reboot, "NAME", "ask a guest to reboot", false },
    { "destroy", command_destroy, "NAME", "end a guest at once", false },
    { "domid", command_domid, "NAME", "a guest's number", false },
    { "domname", command_domname, "NUMBER", "a guest's name", false },
    { "rename", command_rename, "NAME NEW-NAME", "give a guest another name", false },
    { "uptime", command_uptime, "[--json] [NAME...]", "how long guests have been there", false },
    { "dmesg", command_dmesg, "[-c]", "the hypervisor's log; -c clears it", true },
    { "audit", command_audit, "[--json] [NAME...]",
      "recount every reference to the memory of all domains, or of those named", true },
    { "counters", command_counters, "[--json] [-c] [NAME]",
      "how often a guest made hypercalls, faulted, ...; the longest time without interrupts",
      false },
    { "dirty-rate", command_dirty_rate, "[--json] [-n COUNT] [-d SECONDS] NAME",
      "how much of its memory a guest writes: COUNT readings (1), SECONDS apart (1, or 0.5)",
      false },
    { "top", command_top, "[--json] [-n COUNT] [-d SECONDS]", "CPU use of the guests", false },
    { "wait", command_wait, "NAME --state running|shutdown|gone [--timeout S]",
      "wait until a guest is in a state", false },
    { "block-attach", command_block_attach, "NAME DISK",
      "give a running guest a disk, as in disk=: phy:/dev/vda2,xvdb,w", false },
    { "block-detach", command_block_detach, "NAME VDEV [--force]",
      "take a disk away; --force: also one that the guest does not let go of", false },
    { "block-list", command_block_list, "[--json] NAME...", "guests' disks", false },
    { "network-attach", command_network_attach, "NAME [KEY=VALUE...]",
      "give a running guest a network interface; keys as in vif=: mac bridge rate vlan mtu",
      false },
    { "network-detach", command_network_detach, "NAME DEVID|MAC", "take a network interface away",
      false },
    { "network-list", command_network_list, "[--json] NAME...", "guests' network interfaces",
      false },
    { "bridge-list", command_bridge_list, "[--json]", "dom0's bridges and their uplinks", false },
    { "bridge-create", command_bridge_create, "NAME [uplink=NIC]",
      "make a bridge; with a NIC no bridge has, as eth1, guests on it reach the outside", false },
    { "bridge-delete", command_bridge_delete, "NAME", "delete a bridge nobody uses", false },
    { "bridge-show", command_bridge_show, "[--json] NAME",
      "a bridge's ports with their counters, and the addresses it has learnt", false },
    { "help", command_help, "[COMMAND]", "this text", true },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

int command_usage(const struct command_context *context)
{
    fprintf(stderr, "usage: vmctl %s %s\n", context->name, context->usage);
    return STATUS_USAGE;
}

int command_failed(const struct command_context *context, int error, const char *what)
{
    failure_print(&context->failure, error, what);
    return STATUS_FAILED;
}

static void argument_drop(int *argc, char **argv, int index, int count)
{
    memmove(argv + index, argv + index + count, (size_t)(*argc - index - count) * sizeof(*argv));
    *argc -= count;
}

bool command_option(int *argc, char **argv, const char *name, const char **value)
{
    size_t length = strlen(name);

    for (int i = 1; i < *argc; i++) {
        if (!strncmp(argv[i], name, length) && argv[i][length] == '=') {
            *value = argv[i] + length + 1;
            argument_drop(argc, argv, i, 1);
            return true;
        }
        if (!strcmp(argv[i], name) && i + 1 < *argc) {
            *value = argv[i + 1];
            argument_drop(argc, argv, i, 2);
            return true;
        }
    }
    return false;
}

bool command_flag(int *argc, char **argv, const char *name)
{
    for (int i = 1; i < *argc; i++)
        if (!strcmp(argv[i], name)) {
            argument_drop(argc, argv, i, 1);
            return true;
        }
    return false;
}

int64_t command_seconds(const char *text)
{
    char *end;
    unsigned long seconds = strtoul(text, &end, 10);
    int64_t ns = (int64_t)seconds * 1000000000, unit = 100000000;

    /* A sign, too, would be taken for a large number. */
    if (*text < '0' || *text > '9' || seconds >= 1000000000)
        return -EINVAL;
    if (*end == '.')
        for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10)
            ns += (*end - '0') * unit;
    return *end ? -EINVAL : ns;
}

int command_pause_ns(uint64_t duration_ns)
{
    if (platform_interrupted())
        return -EINTR;
    platform_sleep_ns(duration_ns);
    return 0;
}

const struct command *command_at(size_t i)
{
    return i < COMMAND_COUNT ? &commands[i] : NULL;
}

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static void print_commands(FILE *to)
{
    fprintf(to, "usage: vmctl COMMAND [options]\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-14s %s\n", commands[i].name, commands[i].help);
    fprintf(to, "\nvmctl help COMMAND shows a command's options; --json prints facts as JSON.\n");
}

static int no_such_command(const char *name)
{
    struct nearest_key meant;

    nearest_key_begin(&meant, name);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        nearest_key_try(&meant, commands[i].name);
    if (meant.name)
        fprintf(stderr, "vmctl: %s: no such command (did you mean %s?)\n", name, meant.name);
    else
        fprintf(stderr, "vmctl: %s: no such command (vmctl help lists them)\n", name);
    return STATUS_USAGE;
}

static void print_command(const struct command *command)
{
    printf("vmctl %s %s\n    %s\n%s", command->name, command->usage, command->help,
           help_details(command->name));
}

static bool asks_for_help(const char *word)
{
    return !strcmp(word, "--help") || !strcmp(word, "-h");
}

static int command_help(struct command_context *context, int argc, char **argv)
{
    const struct command *command = argc > 1 ? command_find(argv[1]) : NULL;

    if (argc > 2)
        return command_usage(context);
    if (argc == 1) {
        print_commands(stdout);
        return 0;
    }
    if (!command)
        return no_such_command(argv[1]);
    print_command(command);
    return 0;
}

static int command_run(const struct command *command, int argc, char **argv)
{
    struct command_context context = { .name = command->name, .usage = command->usage };
    int error = platform_open();

    context.json = command_flag(&argc, argv, "--json");
    if (error && command->run != command_help) {
        fprintf(stderr, "vmctl: the hypervisor cannot be reached: %s (run this in dom0, as root)\n",
                failure_reason(error));
        return STATUS_FAILED;
    }
    if (!command->without_store) {
        context.store = xs_open();
        if (!context.store) {
            fprintf(stderr, "vmctl: xenstore cannot be reached (is xenstored running?)\n");
            return STATUS_FAILED;
        }
    }
    int status = command->run(&context, argc, argv);

    xs_close(context.store);
    fflush(stdout);
    return status;
}

int vmctl_main(int argc, char **argv)
{
    char *words[64];

    if (argc < 2 || asks_for_help(argv[1])) {
        print_commands(argc < 2 ? stderr : stdout);
        return argc < 2 ? STATUS_USAGE : 0;
    }
    const struct command *command = command_find(argv[1]);

    if (!command)
        return no_such_command(argv[1]);
    if (argc > 64) {
        fprintf(stderr, "vmctl: %s: more than 63 words (leave some out)\n", argv[1]);
        return STATUS_USAGE;
    }
    if (argc == 3 && asks_for_help(argv[2])) {
        print_command(command);
        return 0;
    }
    /* A copy, since options are taken out of it. */
    memcpy(words, argv + 1, (size_t)(argc - 1) * sizeof(*words));
    return command_run(command, argc - 1, words);
}

/*
 * vmctl's commands: a table, and what each row needs.
 */
#ifndef TOOLS_VMCTL_COMMAND_H
#define TOOLS_VMCTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmctl/failure.h"

struct xs_client;

/* Exit statuses that mean something. */
#define STATUS_FAILED  1
#define STATUS_USAGE   2
#define STATUS_CRASHED 3

struct command_context {
    struct xs_client *store;
    bool json;
    struct failure failure;
    const char *name; /* of the command */
    const char *usage;
};

struct command {
    const char *name;
    /* argv[0] is the command; the number of words is checked by the row below. */
    int (*run)(struct command_context *context, int argc, char **argv);
    const char *usage;
    const char *help;
    bool without_store; /* works when there is no xenstore */
};

/* Lines for `help COMMAND` where one line does not say it all; else "". */
const char *help_details(const char *command);

/* The i-th command; NULL behind the last. */
const struct command *command_at(size_t i);

/* Prints the command's usage; returns STATUS_USAGE. */
int command_usage(const struct command_context *context);
/* Prints the context's failure (or the error's own text about `what`); returns STATUS_FAILED. */
int command_failed(const struct command_context *context, int error, const char *what);
/* Takes "--timeout 5" and the like out of argv: true and *value if it was there. */
bool command_option(int *argc, char **argv, const char *name, const char **value);
/* The same for a flag without a value. */
bool command_flag(int *argc, char **argv, const char *name);

/* "5" or "0.25" seconds as nanoseconds; -EINVAL. */
int64_t command_seconds(const char *text);

/* Waits a moment: 0, or -EINTR once the user typed Ctrl-C. */
int command_pause_ns(uint64_t duration_ns);

int command_create(struct command_context *context, int argc, char **argv);
int command_list(struct command_context *context, int argc, char **argv);
int command_info(struct command_context *context, int argc, char **argv);
int command_console(struct command_context *context, int argc, char **argv);
int command_pause(struct command_context *context, int argc, char **argv);
int command_unpause(struct command_context *context, int argc, char **argv);
int command_shutdown(struct command_context *context, int argc, char **argv);
int command_reboot(struct command_context *context, int argc, char **argv);
int command_destroy(struct command_context *context, int argc, char **argv);
int command_domid(struct command_context *context, int argc, char **argv);
int command_domname(struct command_context *context, int argc, char **argv);
int command_rename(struct command_context *context, int argc, char **argv);
int command_uptime(struct command_context *context, int argc, char **argv);
int command_dmesg(struct command_context *context, int argc, char **argv);
int command_audit(struct command_context *context, int argc, char **argv);
int command_counters(struct command_context *context, int argc, char **argv);
int command_dirty_rate(struct command_context *context, int argc, char **argv);
int command_top(struct command_context *context, int argc, char **argv);
int command_bridge_create(struct command_context *context, int argc, char **argv);
int command_bridge_delete(struct command_context *context, int argc, char **argv);
int command_bridge_list(struct command_context *context, int argc, char **argv);
int command_bridge_show(struct command_context *context, int argc, char **argv);
int command_block_attach(struct command_context *context, int argc, char **argv);
int command_block_detach(struct command_context *context, int argc, char **argv);
int command_block_list(struct command_context *context, int argc, char **argv);
int command_network_attach(struct command_context *context, int argc, char **argv);
int command_network_detach(struct command_context *context, int argc, char **argv);
int command_network_list(struct command_context *context, int argc, char **argv);
int command_wait(struct command_context *context, int argc, char **argv);

/* A session at a guest's console until Ctrl-] or the guest's end.  0 or -errno. */
int console_attach(uint32_t domid);

/* The whole program: dom0's shell and Linux's main call it. */
int vmctl_main(int argc, char **argv);

#endif

/*
 * dom0's shell: a line of commands, from the console or from a script.
 *
 * A command is a row in a table; other parts add rows with shell_command_register() before
 * shell_start().  A command's status follows the usual rule: 0 good, else not.
 */
#ifndef DOM0_SHELL_SHELL_H
#define DOM0_SHELL_SHELL_H

#include <stddef.h>

struct shell_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help; /* one line: arguments, then what it does */
};

/* Adds a command; the row must live for ever.  0, or -ENOSPC when the table is full. */
int shell_command_register(const struct shell_command *command);

/* The i-th command's name, in their order; NULL behind the last. */
const char *shell_command_name(size_t i);

/* Runs one line ("! cmd" inverts, "try cmd" always succeeds, '#' starts a comment) and
 * returns its status; an empty line is 0, an unknown command 127, a syntax error 2.  Of several
 * commands, with ';' between, all run, and the first status that is not 0 is the line's. */
int shell_run_line(const char *line);

/* Runs a script file as INTERFACES asks: echoes each line, stops at the first failure.
 * Returns the status of that line, or 0. */
int shell_run_script(const char *path);

/* Spawns the prompt; or, if /etc/paravane/script is there, runs that, prints
 * "paravane-script: exit N" as the last line and powers the machine off.  0 or -errno. */
int shell_start(void);

#endif

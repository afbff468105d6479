/*
 * The shell's built-in commands, a file per subject.
 */
#ifndef DOM0_SHELL_COMMANDS_H
#define DOM0_SHELL_COMMANDS_H

#include <stddef.h>

/* Registers all of them. */
int shell_commands_register(void);

int shell_file_commands_register(void);
int shell_copy_commands_register(void);
int shell_mount_commands_register(void);
int shell_store_commands_register(void);
int shell_machine_commands_register(void);
int shell_network_commands_register(void);

struct completions;

/* What can stand where the cursor is (completion.h). */
void shell_complete(const char *line, size_t cursor, struct completions *found);

/* Prints "name: why" on stderr; returns 1. */
int shell_failed(const char *name, int error);
/* Prints "usage: ..."; returns 2. */
int shell_usage(const char *usage);

/* Says how the script ended, if one runs: the last line the launcher waits for. */
void shell_script_ends(int status);

#endif

/*
 * A line from the keyboard: editing, history, completion.
 */
#ifndef DOM0_SHELL_LINE_EDITOR_H
#define DOM0_SHELL_LINE_EDITOR_H

#include <stddef.h>

struct completions;

/* Reads a line (without its end) into line[size]; echoes.  complete() finds what can stand at the
 * cursor (completion.h). */
void line_editor_read(const char *prompt, char *line, size_t size,
                      void (*complete)(const char *line, size_t cursor, struct completions *found));

#endif

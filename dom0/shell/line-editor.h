/*
 * A line from the keyboard: editing, history, completion of the first word.
 */
#ifndef DOM0_SHELL_LINE_EDITOR_H
#define DOM0_SHELL_LINE_EDITOR_H

#include <stddef.h>

/* Reads a line (without its end) into line[size]; echoes.  complete(word, n) gives the n-th
 * completion of a word or NULL. */
void line_editor_read(const char *prompt, char *line, size_t size,
                      const char *(*complete)(const char *word, size_t n));

#endif

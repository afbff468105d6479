/*
 * Console input for tasks: the sleeping form of console_take.
 */
#ifndef TASKS_CONSOLE_INPUT_H
#define TASKS_CONSOLE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The next character typed on dom0's console; sleeps for it. */
int console_read_char(void);
/* The same, or -1 once clock_monotonic_ns() has reached deadline_ns. */
int console_read_char_until(uint64_t deadline_ns);
/* Whether Ctrl-C was typed since the last look; what was typed before it is dropped, what comes
 * after it is kept for the next reader. */
bool console_take_interrupt(void);
/* The calling task is the one that a person at the console talks to: the prompt's, no script's. */
void console_attend(void);
/* Is it? */
bool console_is_attended(void);
/* Drops what was typed and not read yet. */
void console_drop_input(void);
/* Types on it: what the hypervisor's console does not bring (a keyboard at the machine).  All of
 * the text, or nothing if too much of it has not been read yet; Ctrl-C always gets through. */
void console_type(const char *text, size_t length);
/* Called once, after tasks_start. */
void console_input_start(void);

#endif

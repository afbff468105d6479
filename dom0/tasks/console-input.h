/*
 * Console input for tasks: the sleeping form of console_take.
 */
#ifndef TASKS_CONSOLE_INPUT_H
#define TASKS_CONSOLE_INPUT_H

#include <stdint.h>

/* The next character typed on dom0's console; sleeps for it. */
int console_read_char(void);
/* The same, or -1 once clock_monotonic_ns() has reached deadline_ns. */
int console_read_char_until(uint64_t deadline_ns);
/* Called once, after tasks_start. */
void console_input_start(void);

#endif

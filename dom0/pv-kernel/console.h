/*
 * Console: this kernel's own.  The initial domain's is the hypervisor's (console_io and
 * VIRQ_CONSOLE), any other domain's is the ring its builder gave it.  Writing never sleeps;
 * reading is by polling console_take or, in a task, through the hook set by
 * console_set_input_hook (tasks: console-input.h gives the sleeping form).
 */
#ifndef PV_KERNEL_CONSOLE_H
#define PV_KERNEL_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

/* Writes all of it; "\n" is sent as is (the far end makes a carriage return of it). */
void console_write(const char *text, size_t length);
/* Waits, a little while, until the far end has taken all that was written. */
void console_drain(void);
/* The next character typed, or -1 if there is none now. */
int console_take(void);
/*
 * Shows on the machine's screen what went by so many half screens before what it shows now;
 * negative: what came after it.  The end is shown again by whatever is written.  Lines between what
 * is shown and the end, or -errno: there is no screen of ours.
 */
int console_scroll(int half_screens);
/* `hook` is called from the upcall whenever input came. */
void console_set_input_hook(void (*hook)(void *arg), void *arg);
/* Called by the start-up code: early needs no events, start binds them. */
void console_early(void);
void console_start(void);

#endif

/*
 * Kernel: what start-up hands to the program on top (dom0's main or a test guest), and how to
 * stop.  The program supplies guest_main; returning from it shuts the domain down with reason
 * poweroff.
 */
#ifndef PV_KERNEL_KERNEL_H
#define PV_KERNEL_KERNEL_H

#include "hypercall-abi/shared-info.h"
#include "hypercall-abi/start-info.h"
#include <stdbool.h>
#include <stdint.h>

/* The program. */
void guest_main(struct start_info *si);

/* Both valid from before guest_main. */
extern struct start_info *start_info;
extern struct shared_info *shared_info;

/* Are we the initial (privileged) domain? */
bool kernel_is_initial_domain(void);

/* Shuts down with a SHUTDOWN_* reason. */
void kernel_shutdown(unsigned int reason) __attribute__((noreturn));
/* What to try first when the reason is poweroff (the machine's own way). */
void kernel_set_power_off_hook(void (*hook)(void));
/* Prints and crashes. */
void kernel_panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif

/*
 * Ending every guest in order before the machine is switched off or restarted.
 */
#ifndef DOM0_SHELL_END_GUESTS_H
#define DOM0_SHELL_END_GUESTS_H

/* Asks them all to power off and waits until they have, `seconds` at most. */
void guests_end(unsigned int seconds);

#endif

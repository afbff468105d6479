/*
 * The console on the screen: a terminal of as many characters as the display has room for, with
 * the few control sequences that a line editor uses (ECMA-48: CUU CUD CUF CUB CHA CUP ED EL).
 */
#ifndef MACHINE_SCREEN_H
#define MACHINE_SCREEN_H

#include "machine/display.h"

/* From here on what is written shows on d. */
void screen_init(const struct display *d);
/* Printable ASCII is shown, any other character as one question mark. */
void screen_write(const char *text, size_t n);

#endif

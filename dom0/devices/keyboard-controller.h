/*
 * The keyboard controller (8042) of a PC: bytes from the keyboard on its first port, and to it.
 * All of it is for one task, which sleeps where it has to wait; every wait has an end.
 */
#ifndef DEVICES_KEYBOARD_CONTROLLER_H
#define DEVICES_KEYBOARD_CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>

/* What the keyboard says, besides scan codes. */
#define KEYBOARD_PLUGGED  0xaa /* it passed its own test: it was plugged in, or reset itself */
#define KEYBOARD_ACCEPTED 0xfa
#define KEYBOARD_AGAIN    0xfe /* it did not understand the last byte */
#define KEYBOARD_ERROR    0x00 /* it lost keys: in code set 2 ... */
#define KEYBOARD_OVERRUN  0xff /* ... and in set 1; also for what was lost on the way from it */

#define KEYBOARD_FOREVER UINT64_MAX

/* Whether there is one that answers; if so it is set up, with its ports still closed. */
bool keyboard_controller_find(void);
/* Lets the keyboard in.  0 or -errno. */
int keyboard_controller_start(void);
/* The next byte from the keyboard, in code set 1.  False: none came until then, or (and then there
 * is no end of waiting for one) the controller is broken. */
bool keyboard_controller_read(uint8_t *byte, uint64_t deadline_ns);
/* A byte to the keyboard; false: the controller does not take it. */
bool keyboard_controller_send(uint8_t byte);

#endif

/*
 * The keyboard at the machine: what is typed there is typed on dom0's console, as from the serial
 * line.
 */
#ifndef DEVICES_KEYBOARD_H
#define DEVICES_KEYBOARD_H

/* Starts a task that looks for a keyboard; "keymap=NAME" on the command line chooses its map.
 * 0 or -errno; that there is none is no error. */
int keyboard_start(const char *command_line);

#endif

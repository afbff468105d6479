/*
 * Terminal text: what may be shown on the operator's terminal of text that somebody else wrote (a
 * guest's log, a label on its disk): printable ASCII, new lines, tabs, backspaces.  Escape
 * sequences are left out whole, since some move what is on the screen and others make the terminal
 * type an answer into the shell.  Bytes beyond ASCII become question marks: half of them steer a
 * terminal of eight bits.
 */
#ifndef LIBC_TERMINAL_TEXT_H
#define LIBC_TERMINAL_TEXT_H

#include <stddef.h>

/* Where in a sequence the text is; zeroes to begin with. */
struct terminal_text {
    enum { TERMINAL_PLAIN, TERMINAL_ESCAPE, TERMINAL_SEQUENCE, TERMINAL_STRING } state;
};

/* Copies what may be shown; to may be from.  Returns how much it is. */
size_t terminal_text_filter(struct terminal_text *text, char *to, const char *from, size_t length);

#endif

/*
 * Terminal text.  See terminal-text.h.  Sequences: ECMA-48, sections 5.3 to 5.6.
 */
#include "libc/terminal-text.h"

#include <stdbool.h>
#include <string.h>

#define ESCAPE 27
#define BELL   7

/* Behind ESC: what kind of sequence it is. */
static void escape_continue(struct terminal_text *text, char c)
{
    if (c == '[')
        text->state = TERMINAL_SEQUENCE;
    else if (c && strchr("]PX^_", c))
        text->state = TERMINAL_STRING;
    else if (c < ' ' || c > '/')
        text->state = TERMINAL_PLAIN;
}

static bool is_shown(char c)
{
    return (c >= ' ' && c <= '~') || c == '\n' || c == '\r' || c == '\t' || c == '\b';
}

/* True if c is to be shown.  A new line ends whatever was begun: no one hides more than a line. */
static bool take(struct terminal_text *text, char c)
{
    if (c == '\n' || text->state == TERMINAL_PLAIN) {
        text->state = c == ESCAPE ? TERMINAL_ESCAPE : TERMINAL_PLAIN;
        return is_shown(c);
    }
    if (c == ESCAPE)
        text->state = TERMINAL_ESCAPE; /* "ESC \" ends a string */
    else if (text->state == TERMINAL_ESCAPE)
        escape_continue(text, c);
    else if (text->state == TERMINAL_SEQUENCE ? c >= '@' && c <= '~' : c == BELL)
        text->state = TERMINAL_PLAIN;
    return false;
}

size_t terminal_text_filter(struct terminal_text *text, char *to, const char *from, size_t length)
{
    size_t shown = 0;

    for (size_t i = 0; i < length; i++) {
        bool beyond = (unsigned char)from[i] >= 0x80;

        if (take(text, beyond ? '?' : from[i]))
            to[shown++] = beyond ? '?' : from[i];
    }
    return shown;
}

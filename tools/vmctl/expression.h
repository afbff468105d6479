/*
 * Regular expressions, small: what --expect takes, the same in dom0 (whose C library has none)
 * and on Linux.  . * + ? | ( ) [a-z] [^a-z] ^ $ \d \w \s \n \r \t and \ before anything else.
 */
#ifndef TOOLS_VMCTL_EXPRESSION_H
#define TOOLS_VMCTL_EXPRESSION_H

#include <stdbool.h>

struct expression;

/* NULL: not an expression (or no memory). */
struct expression *expression_compile(const char *text);
void expression_free(struct expression *expression);
/* Does it match somewhere in one of the text's lines?  ^ and $ are a line's begin and end. */
bool expression_matches(const struct expression *expression, const char *text);

#endif

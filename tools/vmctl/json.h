/*
 * Writing JSON: strings with what must be escaped escaped.  The rest is printf's.
 */
#ifndef TOOLS_VMCTL_JSON_H
#define TOOLS_VMCTL_JSON_H

/* Prints "text" with its quotes. */
void json_string(const char *text);
/* Prints "key": "text" and a comma if `more`. */
void json_field(const char *key, const char *text, int more);
void json_number(const char *key, unsigned long long number, int more);

#endif

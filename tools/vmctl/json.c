/*
 * Writing JSON.  See json.h.
 */
#include "vmctl/json.h"

#include <stdio.h>

void json_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < ' ')
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

void json_field(const char *key, const char *text, int more)
{
    printf("\"%s\": ", key);
    json_string(text);
    printf("%s", more ? ", " : "");
}

void json_number(const char *key, unsigned long long number, int more)
{
    printf("\"%s\": %llu%s", key, number, more ? ", " : "");
}

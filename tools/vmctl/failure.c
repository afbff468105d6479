/*
 * Why something failed, for the user.  See failure.h.
 */
#include "vmctl/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int failure_set(struct failure *failure, int error, const char *format, ...)
{
    va_list arguments;

    if (failure->text[0])
        return error;
    va_start(arguments, format);
    vsnprintf(failure->text, sizeof(failure->text), format, arguments);
    va_end(arguments);
    return error;
}

const char *failure_reason(int error)
{
    error = error < 0 ? -error : error;
    return error == EINTR ? "interrupted" : strerror(error);
}

void failure_print(const struct failure *failure, int error, const char *what)
{
    if (failure->text[0])
        fprintf(stderr, "vmctl: %s\n", failure->text);
    else
        fprintf(stderr, "vmctl: %s: %s\n", what, failure_reason(error));
}

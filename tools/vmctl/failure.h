/*
 * Why something failed, for the user: one line "what: why (what to do)".
 *
 * Carried by pointer down to where the reason is known; the first reason wins, so that a
 * cleanup which fails too does not hide it.
 */
#ifndef TOOLS_VMCTL_FAILURE_H
#define TOOLS_VMCTL_FAILURE_H

struct failure {
    char text[512]; /* empty: nothing known but the error number */
};

/* Notes the reason, unless one is noted already, and returns error (negative). */
int failure_set(struct failure *failure, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "Invalid argument" and so on, for the middle of such a line. */
const char *failure_reason(int error);
/* Prints "vmctl: ..." on stderr; what: used if no reason was noted. */
void failure_print(const struct failure *failure, int error, const char *what);

#endif

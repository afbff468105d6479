/*
 * What long work is at, for who sits at the terminal: one line, which the next takes the place of
 * and which is gone in the end.  Where nobody sits (a pipe, a file, a script, a background task)
 * nothing is written.
 */
#ifndef TOOLS_VMCTL_PROGRESS_H
#define TOOLS_VMCTL_PROGRESS_H

/* To be called as often as one likes: shown at first after a moment, and then some times a second.
 */
void progress_show(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The work is over (or has not begun): takes the line away. */
void progress_end(void);

#endif

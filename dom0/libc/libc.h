/*
 * libc: start of newlib's glue.  After libc_start malloc, stdio and files work, in every task.
 */
#ifndef LIBC_LIBC_H
#define LIBC_LIBC_H

#include <stdbool.h>

void libc_start(void);
/*
 * What is printed on the console goes through terminal-text.h, unless this is on: for who steers
 * the terminal himself.  To be turned on, and off again after fflush, without sleeping between.
 */
void libc_terminal_raw(bool on);
void libc_memory_start(void);

#endif

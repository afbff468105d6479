/*
 * libc: start of newlib's glue.  After libc_start malloc, stdio and files work, in every task.
 */
#ifndef LIBC_LIBC_H
#define LIBC_LIBC_H

void libc_start(void);
void libc_memory_start(void);

#endif

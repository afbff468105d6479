/*
 * libc: start of newlib's glue.  After libc_start malloc, stdio and files work, in every task.
 */
#ifndef LIBC_LIBC_H
#define LIBC_LIBC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void libc_start(void);
/*
 * What is printed on the console goes through terminal-text.h, unless this is on: for who steers
 * the terminal himself.  To be turned on, and off again after fflush, without sleeping between.
 */
void libc_terminal_raw(bool on);
void libc_memory_start(void);

/* May so many bytes be kept, or is so little left that it is for short-lived things only?  Files,
 * and who remembers things for guests, ask this first: so the operator's commands always have
 * what they need to look at guests and end them. */
bool libc_memory_allows(size_t bytes);
/* Bytes that the heap holds, and those of them that are malloc'ed. */
void libc_memory_usage(size_t *heap, size_t *used);

/* For secrets that a guest is not to guess: no two calls give the same. */
uint64_t random_bits(void);

#endif

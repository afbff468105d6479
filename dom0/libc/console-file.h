/*
 * The console as a file; for the libc folder only.
 */
#ifndef LIBC_CONSOLE_FILE_H
#define LIBC_CONSOLE_FILE_H

#include <stddef.h>

/* Sleeps until there is something; how much of it. */
int console_file_read(char *buffer, size_t size);
/* Without escape sequences, but for who has asked for them (libc_terminal_raw). */
int console_file_write(const char *data, size_t size);

#endif

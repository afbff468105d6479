/* Formatting into a buffer: %c %s %d %u %x %lx %lu %ld %p %% with width, zero padding and '-'. */
#ifndef LIB_PRINT_H
#define LIB_PRINT_H

#include <stdarg.h>
#include "lib/types.h"

/* Both write at most size - 1 characters and an end mark; they return what was written. */
size_t print_to(char *buffer, size_t size, const char *format, ...) printf_like(3, 4);
size_t print_to_v(char *buffer, size_t size, const char *format, va_list args);

#endif

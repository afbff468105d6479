/*
 * Print: a printf without libc for the kernel part and the test guests.
 * Knows %d %i %u %x %lx %llx %zu %p %s %c %% with 0, width and '-'.
 */
#ifndef PV_KERNEL_PRINT_H
#define PV_KERNEL_PRINT_H

#include <stdarg.h>
#include <stddef.h>

int kprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int ksnprintf(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int kvsnprintf(char *buffer, size_t size, const char *format, va_list args);

#endif

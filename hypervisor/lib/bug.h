/*
 * Our own bugs: an assertion that fails stops the machine with a report.  Nothing a guest says
 * may lead here.
 */
#ifndef LIB_BUG_H
#define LIB_BUG_H

#include "lib/types.h"

void panic(const char *format, ...) printf_like(1, 2) __attribute__((noreturn));
/* Not ours: the machine, its boot loader or what it was told to boot does not do.  Says what to
 * change and stops, without a report. */
void boot_refuse(const char *format, ...) printf_like(1, 2) __attribute__((noreturn));

#define BUG_ON(condition)                                            \
    do {                                                             \
        if (unlikely(condition))                                     \
            panic("bug: %s, %s:%d", #condition, __FILE__, __LINE__); \
    } while (0)

#endif

/* The end, with a report. */
#ifndef ENTRY_PANIC_H
#define ENTRY_PANIC_H

#include "lib/bug.h"
#include "machine/per-cpu.h"

void panic_registers(const struct cpu_regs *regs, const char *what) __attribute__((noreturn));

#endif

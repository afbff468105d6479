/* Bringing CPUs up. */
#ifndef BOOT_CPUS_H
#define BOOT_CPUS_H

#include "machine/per-cpu.h"

/* Makes the structures of the boot CPU and loads them; it keeps its boot stack until it idles. */
void cpu_boot_init(void);
/* Starts the others, at most `limit` in all. */
void cpus_start(unsigned limit);

#endif

/* Memory before the frame allocator runs, and the step to it. */
#ifndef BOOT_EARLY_MEMORY_H
#define BOOT_EARLY_MEMORY_H

#include "memory/frame.h"

/* Maps all RAM, builds frame table and M2P, hands what is free to the allocator.  The modules stay
 * reserved. */
void early_memory_init(void);
/* A page that real mode reaches, for the start of other CPUs; 0: there is none. */
extern uint64_t early_low_page;
/* Gives a range that was reserved at boot (a module) back as free memory. */
void early_memory_release(uint64_t start, uint64_t end);

#endif

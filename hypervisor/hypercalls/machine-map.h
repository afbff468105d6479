/* The machine's E820 map, filled in at boot. */
#ifndef HYPERCALLS_MACHINE_MAP_H
#define HYPERCALLS_MACHINE_MAP_H

#include "hypercall-abi/memory.h"
#include "limits.h"

extern struct e820_entry machine_map[MAX_E820];
extern unsigned machine_map_entries;

#endif

/* The firmware's memory map, as it is used: no RAM lies in two ranges, or in one of another kind.
 */
#ifndef BOOT_MEMORY_MAP_H
#define BOOT_MEMORY_MAP_H

#include "lib/types.h"

/* Adds a range to boot_info.e820, or counts it as ignored if that is full; ranges of nothing, and
 * those that go round the end of all addresses, are passed over. */
void memory_map_add(uint64_t base, uint64_t length, uint32_t type);
/* Once all are there: what ranges of RAM have in common with others is taken from them. */
void memory_map_settle(void);

#endif

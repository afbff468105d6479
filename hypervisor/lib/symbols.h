/* Names of the hypervisor's functions, for reports. */
#ifndef LIB_SYMBOLS_H
#define LIB_SYMBOLS_H

#include "lib/types.h"

/* The function an address lies in, "?" if none, and how far into it. */
const char *symbol_find(uint64_t address, uint64_t *offset);

#endif

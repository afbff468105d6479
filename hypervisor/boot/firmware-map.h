/* What firmware and the boot loader say lies somewhere, made visible where it can lie there: their
 * addresses are numbers like any others, and wrong ones are found on machines. */
#ifndef BOOT_FIRMWARE_MAP_H
#define BOOT_FIRMWARE_MAP_H

#include "lib/types.h"

/* A table of the firmware (in RAM or not), or a device's registers: the acpi_map_fn.  NULL: the
 * processor has no such address, or it is RAM where registers are meant. */
void *firmware_map(uint64_t physical, size_t bytes, bool registers);
/* A device's memory; flags: a MAP_* (memory/hypervisor-mappings.h).  NULL: as above. */
void *firmware_map_device(uint64_t physical, size_t bytes, uint64_t flags);

#endif

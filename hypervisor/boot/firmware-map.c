/* See firmware-map.h.  After early_memory_init, which knows what RAM is. */
#include "boot/firmware-map.h"
#include "machine/cpu-features.h"
#include "memory/hypervisor-mappings.h"

#define MOST_BYTES (1UL << 30) /* more than any screen or table has */

/* Sums that go round the end of all addresses are not made. */
static bool is_address(uint64_t physical, size_t bytes)
{
    uint64_t limit = 1UL << cpu_features.physical_bits;

    return physical && bytes && bytes <= MOST_BYTES && physical <= limit - bytes;
}

static bool has_ram(uint64_t physical, size_t bytes)
{
    uint64_t end = min((physical + bytes - 1) >> PAGE_SHIFT, frame_limit);

    for (uint64_t n = physical >> PAGE_SHIFT; n <= end; n++)
        if (mfn_is_ram(mfn(n)))
            return true;
    return false;
}

void *firmware_map_device(uint64_t physical, size_t bytes, uint64_t flags)
{
    if (!is_address(physical, bytes) || has_ram(physical, bytes))
        return NULL;
    return device_map(physical, bytes, flags);
}

void *firmware_map(uint64_t physical, size_t bytes, bool registers)
{
    if (registers)
        return firmware_map_device(physical, bytes, MAP_DEVICE);
    return is_address(physical, bytes) ? device_map(physical, bytes, MAP_RW) : NULL;
}

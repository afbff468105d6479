/*
 * ACPI's tables, of any content: what is read lies within what is mapped.
 *
 * Sources: hypervisor/machine/acpi.c hypervisor/machine/madt.c hypervisor/machine/fadt.c
 * hypervisor/machine/iommu-tables.c
 *
 * Libraries: -Ihypervisor -DHOST_TEST
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "lib/log.h"
#include "machine/acpi.h"
#include "machine/cpu-features.h"
#include "machine/power.h"

#define AT   0x100000UL /* where the input lies in physical memory */
#define RSDP 36

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct cpu_features cpu_features;
struct power_registers power_registers;
static const uint8_t *memory;
static size_t memory_size;
static void *mapped[4096]; /* as the map is asked for: sanitizers see each byte beyond */
static unsigned mappings;

void log_print(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

static void *map(uint64_t physical, size_t bytes, bool registers)
{
    uint8_t *copy;

    if (registers)
        return mapped;
    if (physical < AT || physical - AT > memory_size || bytes > memory_size - (physical - AT) ||
        mappings == sizeof(mapped) / sizeof(*mapped))
        return NULL;
    copy = malloc(bytes ? bytes : 1);
    memcpy(copy, memory + (physical - AT), bytes);
    mapped[mappings++] = copy;
    return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t rsdp[RSDP];

    if (size < RSDP)
        return 0;
    memcpy(rsdp, data, RSDP);
    memory = data;
    memory_size = size;
    mappings = 0;
    memset(&acpi_facts, 0, sizeof(acpi_facts));
    memset(&power_registers, 0, sizeof(power_registers));
    cpu_features.x2apic = rsdp[0] & 1;
    if (!acpi_init(rsdp, rsdp[1], map) &&
        (!acpi_facts.cpus || acpi_facts.cpus > MAX_CPUS || acpi_facts.ioapics > MAX_IOAPICS))
        abort();
    while (mappings)
        free(mapped[--mappings]);
    return 0;
}

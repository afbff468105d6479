/* How ACPI tables are found, and their readers: acpi.c's own. */
#ifndef MACHINE_ACPI_TABLES_H
#define MACHINE_ACPI_TABLES_H

#include "lib/string.h"
#include "machine/acpi.h"

struct acpi_table {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[22];
    uint32_t creator_revision;
} __attribute__((packed));

/* Fields at a place in a table that need not be aligned, nor within it: 0 beyond its end. */
static inline uint64_t acpi_field(const struct acpi_table *t, uint32_t at, unsigned bytes)
{
    uint64_t v = 0;

    if (at + bytes <= t->length)
        memcpy(&v, (const uint8_t *)t + at, bytes);
    return v;
}

/* The whole table at a physical address, mapped; NULL if it is none. */
const struct acpi_table *acpi_table_at(uint64_t physical);

void madt_read(const struct acpi_table *madt, uint32_t boot_apic_id);
void dmar_read(const struct acpi_table *dmar);
void ivrs_read(const struct acpi_table *ivrs);
void fadt_read(const struct acpi_table *fadt, acpi_map_fn *map);

#endif

/* How ACPI tables are found, and their readers: for acpi.c, and boot/firmware-tables.c. */
#ifndef MACHINE_ACPI_TABLES_H
#define MACHINE_ACPI_TABLES_H

#include "lib/string.h"
#include "machine/acpi.h"

/* ACPI 6.4, 5.2.5.3; the last two from revision 2 on. */
struct acpi_rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
} __attribute__((packed));

#define ACPI_TABLE_MAX (1U << 24)

struct acpi_table {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[22];
    uint32_t creator_revision;
} __attribute__((packed));

/* The FADT's pointers to the DSDT, the second from revision 2 on. */
#define FADT_DSDT   40
#define FADT_X_DSDT 140

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

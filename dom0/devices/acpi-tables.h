/*
 * The two of the firmware's ACPI tables that say what the machine is: copies to look at.
 */
#ifndef DEVICES_ACPI_TABLES_H
#define DEVICES_ACPI_TABLES_H

#include <stdint.h>

#define ACPI_HEADER_BYTES 36 /* of every table, its own length among them */

struct acpi_tables {
    uint8_t *fadt, *dsdt; /* NULL: not found; else at least a header */
    uint32_t fadt_length, dsdt_length;
};

/* Takes some of malloc's memory until acpi_tables_free. */
void acpi_tables_read(struct acpi_tables *tables);
void acpi_tables_free(struct acpi_tables *tables);

#endif

/*
 * The firmware's ACPI tables: copies to look at.
 */
#ifndef DEVICES_ACPI_TABLES_H
#define DEVICES_ACPI_TABLES_H

#include <stdint.h>

#define ACPI_HEADER_BYTES 36 /* of every table, its own length among them */

/* The two that say what the machine is. */
struct acpi_tables {
    uint8_t *fadt, *dsdt; /* NULL: not found; else at least a header */
    uint32_t fadt_length, dsdt_length;
};

/* Takes some of malloc's memory until acpi_tables_free. */
void acpi_tables_read(struct acpi_tables *tables);
void acpi_tables_free(struct acpi_tables *tables);
/* A malloc'ed copy of the nth table of this signature (from 0), at least a header; NULL: none. */
uint8_t *acpi_table_copy(const char *signature, unsigned int nth, uint32_t *length);

#endif

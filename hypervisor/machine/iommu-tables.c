/*
 * IOMMUs as firmware lists them: Intel's in the DMAR (VT-d specification 4.1, chapter 8), AMD's in
 * the IVRS (I/O Virtualization Technology specification 3.07, 5.2).
 */
#include "machine/acpi-tables.h"

#define FIRST_ENTRY 48 /* of both tables */

enum { DMAR_UNIT = 0 };
enum { IVRS_UNIT = 0x10, IVRS_UNIT_MORE = 0x11, IVRS_UNIT_NAMES = 0x40 };

/* One may be listed in several forms. */
static void found(uint64_t address, bool amd)
{
    unsigned n = acpi_facts.iommus;

    for (unsigned i = 0; i < n; i++)
        if (acpi_facts.iommu[i].address == address)
            return;
    if (!address)
        return;
    if (n == ARRAY_SIZE(acpi_facts.iommu)) {
        acpi_facts.iommus_ignored++;
        return;
    }
    acpi_facts.iommu[n].address = address;
    acpi_facts.iommu[n].amd = amd;
    acpi_facts.iommus++;
}

void dmar_read(const struct acpi_table *dmar)
{
    uint32_t length;

    for (uint32_t at = FIRST_ENTRY; at + 16 <= dmar->length; at += length) {
        length = (uint32_t)acpi_field(dmar, at + 2, 2);
        if (length < 4)
            return;
        if (acpi_field(dmar, at, 2) == DMAR_UNIT)
            found(acpi_field(dmar, at + 8, 8), false);
    }
}

void ivrs_read(const struct acpi_table *ivrs)
{
    uint32_t length;

    for (uint32_t at = FIRST_ENTRY; at + 16 <= ivrs->length; at += length) {
        uint8_t type = (uint8_t)acpi_field(ivrs, at, 1);

        length = (uint32_t)acpi_field(ivrs, at + 2, 2);
        if (length < 4)
            return;
        if (type == IVRS_UNIT || type == IVRS_UNIT_MORE || type == IVRS_UNIT_NAMES)
            found(acpi_field(ivrs, at + 8, 8), true);
    }
}

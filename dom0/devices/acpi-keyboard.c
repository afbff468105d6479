/*
 * Is there a keyboard controller?  The FADT has a flag for it (ACPI 6.4, 5.2.9.3: bit 1 of the boot
 * architecture flags), which firmware is known to forget: QEMU's q35 machine did before
 * release 7.1. So the DSDT is asked as well: a keyboard's node there bears one of the names
 * PNP03xx, as a number in EISA's packing (ACPI 6.4, 19.6.36) or as text.
 */
#include "devices/acpi-keyboard.h"
#include <string.h>

#define FADT_REVISION     8
#define FADT_BOOT_FLAGS   109
#define HAS_CONTROLLER    (1u << 1)
#define REVISION_OF_FLAGS 2 /* before that these bytes were reserved */

static bool contains(const uint8_t *table, uint32_t length, const char *bytes, uint32_t count)
{
    for (uint32_t at = ACPI_HEADER_BYTES; at + count <= length; at++)
        if (!memcmp(table + at, bytes, count))
            return true;
    return false;
}

bool acpi_denies_keyboard(const struct acpi_tables *tables)
{
    if (!tables->fadt || !tables->dsdt || tables->fadt_length < FADT_BOOT_FLAGS + 2)
        return false;
    if (tables->fadt[FADT_REVISION] < REVISION_OF_FLAGS ||
        tables->fadt[FADT_BOOT_FLAGS] & HAS_CONTROLLER)
        return false;
    return !contains(tables->dsdt, tables->dsdt_length, "\x0c\x41\xd0\x03", 4) &&
           !contains(tables->dsdt, tables->dsdt_length, "PNP03", 5);
}

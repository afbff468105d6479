/*
 * A root's number is its object _BBN (ACPI 6.4, 6.5.5) in the DSDT or an SSDT, which is a plain
 * number in most firmware and found by its name: there is no AML interpreter here.  Where it is
 * computed (a method), no bus can be ruled out, and each is looked at.
 *
 * Numbers: 20.2.3, names: 20.2.5.1, methods: 20.2.5.2.
 */
#include "devices/pci-roots.h"
#include "devices/acpi-tables.h"
#include <stdlib.h>
#include <string.h>

#define BBN_BYTES   4
#define NAME_OP     0x08
#define METHOD_OP   0x14
#define BYTE_PREFIX 0x0a
#define WORD_PREFIX 0x0b
#define SSDTS_MAX   64

bool pci_is_root(const struct pci_roots *roots, unsigned int bus)
{
    return roots->bus[bus / 64] >> (bus % 64) & 1;
}

static void root_add(struct pci_roots *roots, unsigned int bus)
{
    if (bus < 256)
        roots->bus[bus / 64] |= 1ULL << (bus % 64);
}

/* A package length of one to four bytes stands between a method's opcode and its name; the first
 * one's upper bits say how many follow. */
static bool is_method(const uint8_t *name)
{
    for (int bytes = 1; bytes <= 4; bytes++)
        if (name[-bytes - 1] == METHOD_OP && name[-bytes] >> 6 == bytes - 1)
            return true;
    return false;
}

/* The number behind the name; at least four bytes are there. */
static unsigned int number_at(const uint8_t *p)
{
    if (p[0] == BYTE_PREFIX)
        return p[1];
    return p[0] == WORD_PREFIX ? p[1] | (unsigned int)p[2] << 8 : p[0];
}

void pci_roots_in(struct pci_roots *roots, const uint8_t *block, uint32_t length)
{
    for (uint32_t at = ACPI_HEADER_BYTES + 5; at + BBN_BYTES + 4 <= length; at++) {
        if (memcmp(block + at, "_BBN", BBN_BYTES))
            continue;
        if (block[at - 1] == NAME_OP)
            root_add(roots, number_at(block + at + BBN_BYTES));
        else if (is_method(block + at))
            memset(roots, 0xff, sizeof(*roots));
    }
}

void pci_roots_find(struct pci_roots *roots)
{
    struct acpi_tables tables;

    *roots = (struct pci_roots){ { 1 } };
    acpi_tables_read(&tables);
    if (tables.dsdt)
        pci_roots_in(roots, tables.dsdt, tables.dsdt_length);
    acpi_tables_free(&tables);
    for (unsigned int i = 0; i < SSDTS_MAX; i++) {
        uint32_t length;
        uint8_t *block = acpi_table_copy("SSDT", i, &length);

        if (!block)
            break;
        pci_roots_in(roots, block, length);
        free(block);
    }
}

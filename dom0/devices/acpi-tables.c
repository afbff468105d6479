/*
 * ACPI's FADT and DSDT: the root pointer is named by UEFI's tables or lies in the BIOS's areas,
 * from it the root table leads to the FADT, and that one to the DSDT (ACPI 6.4, 5.2.5 to 5.2.9).
 */
#include "devices/acpi-tables.h"
#include "pv-kernel/foreign-frames.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/platform.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_MAX      (1U << 24) /* a DSDT of 1.6 MiB has been seen */
#define FADT_DSDT      40
#define FADT_X_DSDT    140
#define EFI_TABLES_MAX 256
#define RSDP_BYTES     36
#define RSDP_SUMMED    20    /* what ACPI 1.0's had */
#define BIOS_DATA      0x40e /* the segment of the extended BIOS data area */

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static uint64_t get64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

/* A malloc'ed copy of `bytes` of machine memory, or NULL. */
static uint8_t *copy_machine(uint64_t address, size_t bytes)
{
    uint8_t *copy = malloc(bytes);
    void *va;

    if (!copy || device_memory_map(address, bytes, &va)) {
        free(copy);
        return NULL;
    }
    memcpy(copy, va, bytes);
    device_memory_unmap(va, bytes);
    return copy;
}

/* A copy of the whole table at `address`; *length is its own. */
static uint8_t *copy_table(uint64_t address, uint32_t *length)
{
    uint8_t *header = address ? copy_machine(address, ACPI_HEADER_BYTES) : NULL;

    if (!header)
        return NULL;
    *length = get32(header + 4);
    free(header);
    return *length >= ACPI_HEADER_BYTES && *length <= TABLE_MAX ? copy_machine(address, *length)
                                                                : NULL;
}

/* Root tables, 0: none.  Entries of the XSDT have 64 bits, those of the RSDT 32. */
struct roots {
    uint64_t xsdt, rsdt;
};

static bool roots_of(struct roots *roots, const uint8_t *rsdp)
{
    roots->xsdt = rsdp[15] >= 2 ? get64(rsdp + 24) : 0;
    roots->rsdt = get32(rsdp + 16);
    return roots->xsdt || roots->rsdt;
}

/* The root pointer's sum tells it from a text that looks like it. */
static bool is_root_pointer(const uint8_t *p)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < RSDP_SUMMED; i++)
        sum = (uint8_t)(sum + p[i]);
    return !memcmp(p, "RSD PTR ", 8) && !sum;
}

static bool roots_in(struct roots *roots, uint64_t start, size_t bytes)
{
    uint8_t *area = copy_machine(start, bytes);
    bool found = false;

    for (size_t at = 0; area && at + RSDP_BYTES <= bytes && !found; at += 16)
        found = is_root_pointer(area + at) && roots_of(roots, area + at);
    free(area);
    return found;
}

static bool roots_from_bios(struct roots *roots)
{
    uint8_t *data = copy_machine(BIOS_DATA, 2);
    uint64_t extended = data ? (uint64_t)(data[0] | data[1] << 8) << 4 : 0;

    free(data);
    return (extended >= 0x80000 && extended < 0xa0000 && roots_in(roots, extended, 1024)) ||
           roots_in(roots, 0xe0000, 0x20000);
}

static bool roots_from_efi(struct roots *roots)
{
    static const uint8_t acpi_20[16] = { 0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
                                         0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 };
    struct xen_platform_op op = { .cmd = XENPF_firmware_info,
                                  .interface_version = XENPF_INTERFACE_VERSION };
    uint8_t *tables, *rsdp;
    bool found = false;
    uint32_t count;

    op.u.firmware_info.type = XEN_FW_EFI_INFO;
    op.u.firmware_info.index = XEN_FW_EFI_CONFIG_TABLE;
    if (hypercall_platform_op(HYPERCALL_ARG(&op)))
        return false;
    count = op.u.firmware_info.u.efi_config.entries;
    if (count > EFI_TABLES_MAX)
        return false;
    tables = copy_machine(op.u.firmware_info.u.efi_config.address, count * 24);
    for (uint32_t i = 0; tables && i < count && !found; i++) {
        if (memcmp(tables + i * 24, acpi_20, 16))
            continue;
        rsdp = copy_machine(get64(tables + i * 24 + 16), RSDP_BYTES);
        found = rsdp && roots_of(roots, rsdp);
        free(rsdp);
    }
    free(tables);
    return found;
}

/* Looked for once. */
static const struct roots *roots_find(void)
{
    static struct roots roots;
    static bool looked;

    if (!looked && !roots_from_efi(&roots))
        (void)roots_from_bios(&roots);
    looked = true;
    return &roots;
}

/* The XSDT, or where that is none the RSDT; *width: of its entries. */
static uint8_t *root_copy(uint32_t *length, uint32_t *width)
{
    const struct roots *roots = roots_find();
    uint8_t *root = copy_table(roots->xsdt, length);

    *width = root ? 8 : 4;
    return root ? root : copy_table(roots->rsdt, length);
}

/* The address of the nth table of this signature that the root table names, or 0. */
static uint64_t table_find(const char *signature, unsigned int nth)
{
    uint32_t root_length, width;
    uint64_t found = 0;
    uint8_t *root = root_copy(&root_length, &width);

    for (uint32_t at = ACPI_HEADER_BYTES; root && at + width <= root_length && !found;
         at += width) {
        uint64_t place = width == 8 ? get64(root + at) : get32(root + at);
        uint8_t *name = place ? copy_machine(place, 4) : NULL;

        if (name && !memcmp(name, signature, 4) && !nth--)
            found = place;
        free(name);
    }
    free(root);
    return found;
}

uint8_t *acpi_table_copy(const char *signature, unsigned int nth, uint32_t *length)
{
    return copy_table(table_find(signature, nth), length);
}

void acpi_tables_read(struct acpi_tables *tables)
{
    uint64_t address;

    memset(tables, 0, sizeof(*tables));
    tables->fadt = acpi_table_copy("FACP", 0, &tables->fadt_length);
    if (!tables->fadt)
        return;
    address = tables->fadt_length >= FADT_X_DSDT + 8 ? get64(tables->fadt + FADT_X_DSDT) : 0;
    if (!address && tables->fadt_length >= FADT_DSDT + 4)
        address = get32(tables->fadt + FADT_DSDT);
    tables->dsdt = copy_table(address, &tables->dsdt_length);
}

void acpi_tables_free(struct acpi_tables *tables)
{
    free(tables->fadt);
    free(tables->dsdt);
}

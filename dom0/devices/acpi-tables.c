/*
 * ACPI's FADT and DSDT: the root pointer lies in the BIOS's area or is named by EFI's tables, from
 * it the root table leads to the FADT, and that one to the DSDT (ACPI 6.4, 5.2.5 to 5.2.9).
 */
#include "devices/acpi-tables.h"
#include "pv-kernel/foreign-frames.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/platform.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_MAX        (1U << 20)
#define FADT_DSDT        40
#define FADT_X_DSDT      140
#define EFI_CONFIG_TABLE 2

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

/* Address of the RSDT or XSDT from an RSDP. */
static uint64_t root_of(const uint8_t *rsdp, bool *wide)
{
    *wide = rsdp[15] >= 2 && get64(rsdp + 24);
    return *wide ? get64(rsdp + 24) : get32(rsdp + 16);
}

static uint64_t root_from_bios(bool *wide)
{
    uint8_t *area = copy_machine(0xe0000, 0x20000);
    uint64_t root = 0;

    for (size_t at = 0; area && at < 0x20000 - 36 && !root; at += 16)
        if (!memcmp(area + at, "RSD PTR ", 8))
            root = root_of(area + at, wide);
    free(area);
    return root;
}

static uint64_t root_from_efi(bool *wide)
{
    static const uint8_t acpi_20[16] = { 0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
                                         0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 };
    struct xen_platform_op op = { .cmd = XENPF_firmware_info,
                                  .interface_version = XENPF_INTERFACE_VERSION };
    uint8_t *tables, *rsdp;
    uint64_t root = 0;
    uint32_t count;

    op.u.firmware_info.type = XEN_FW_EFI_INFO;
    op.u.firmware_info.index = EFI_CONFIG_TABLE;
    if (hypercall_platform_op(HYPERCALL_ARG(&op)))
        return 0;
    count = get32(op.u.firmware_info.u.raw + 8);
    if (count > 256)
        return 0;
    tables = copy_machine(get64(op.u.firmware_info.u.raw), count * 24);
    for (uint32_t i = 0; tables && i < count && !root; i++) {
        if (memcmp(tables + i * 24, acpi_20, 16))
            continue;
        rsdp = copy_machine(get64(tables + i * 24 + 16), 36);
        if (rsdp)
            root = root_of(rsdp, wide);
        free(rsdp);
    }
    free(tables);
    return root;
}

static uint8_t *fadt_find(uint32_t *length)
{
    bool wide = false;
    uint64_t address = root_from_bios(&wide);
    uint8_t *root, *table = NULL;
    uint32_t root_length, width;

    if (!address)
        address = root_from_efi(&wide);
    root = copy_table(address, &root_length);
    if (!root)
        return NULL;
    width = wide ? 8 : 4;
    for (uint32_t at = ACPI_HEADER_BYTES; at + width <= root_length; at += width) {
        table = copy_table(wide ? get64(root + at) : get32(root + at), length);
        if (table && !memcmp(table, "FACP", 4))
            break;
        free(table);
        table = NULL;
    }
    free(root);
    return table;
}

void acpi_tables_read(struct acpi_tables *tables)
{
    uint64_t address;

    memset(tables, 0, sizeof(*tables));
    tables->fadt = fadt_find(&tables->fadt_length);
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

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

#define TABLE_MAX      (1U << 20)
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

/* Address of the RSDT or XSDT from an RSDP. */
static uint64_t root_of(const uint8_t *rsdp, bool *wide)
{
    *wide = rsdp[15] >= 2 && get64(rsdp + 24);
    return *wide ? get64(rsdp + 24) : get32(rsdp + 16);
}

/* The root pointer's sum tells it from a text that looks like it. */
static bool is_root_pointer(const uint8_t *p)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < RSDP_SUMMED; i++)
        sum = (uint8_t)(sum + p[i]);
    return !memcmp(p, "RSD PTR ", 8) && !sum;
}

static uint64_t root_in(uint64_t start, size_t bytes, bool *wide)
{
    uint8_t *area = copy_machine(start, bytes);
    uint64_t root = 0;

    for (size_t at = 0; area && at + RSDP_BYTES <= bytes && !root; at += 16)
        if (is_root_pointer(area + at))
            root = root_of(area + at, wide);
    free(area);
    return root;
}

static uint64_t root_from_bios(bool *wide)
{
    uint8_t *data = copy_machine(BIOS_DATA, 2);
    uint64_t extended = data ? (uint64_t)(data[0] | data[1] << 8) << 4 : 0, root = 0;

    free(data);
    if (extended >= 0x80000 && extended < 0xa0000)
        root = root_in(extended, 1024, wide);
    return root ? root : root_in(0xe0000, 0x20000, wide);
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
    op.u.firmware_info.index = XEN_FW_EFI_CONFIG_TABLE;
    if (hypercall_platform_op(HYPERCALL_ARG(&op)))
        return 0;
    count = op.u.firmware_info.u.efi_config.entries;
    if (count > EFI_TABLES_MAX)
        return 0;
    tables = copy_machine(op.u.firmware_info.u.efi_config.address, count * 24);
    for (uint32_t i = 0; tables && i < count && !root; i++) {
        if (memcmp(tables + i * 24, acpi_20, 16))
            continue;
        rsdp = copy_machine(get64(tables + i * 24 + 16), RSDP_BYTES);
        if (rsdp)
            root = root_of(rsdp, wide);
        free(rsdp);
    }
    free(tables);
    return root;
}

/* The root table's address, looked for once; wide: its entries have 64 bits. */
static uint64_t root_find(bool *wide)
{
    static uint64_t root;
    static bool is_wide, looked;

    if (!looked)
        root = root_from_efi(&is_wide);
    if (!looked && !root)
        root = root_from_bios(&is_wide);
    looked = true;
    *wide = is_wide;
    return root;
}

/* The address of the nth table of this signature that the root table names, or 0. */
static uint64_t table_find(const char *signature, unsigned int nth)
{
    bool wide;
    uint32_t root_length, width;
    uint64_t found = 0;
    uint8_t *root = copy_table(root_find(&wide), &root_length);

    width = wide ? 8 : 4;
    for (uint32_t at = ACPI_HEADER_BYTES; root && at + width <= root_length && !found;
         at += width) {
        uint64_t place = wide ? get64(root + at) : get32(root + at);
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

/*
 * ACPI power-off: the sleep type for S5 is in the DSDT's \_S5 package, the register in the FADT
 * (ACPI 6.4, 5.2.9 and 7.4.2).  There is no AML interpreter here: the package is found by its name
 * and must have the plain form every firmware uses.  The write is the hypervisor's, by platform_op.
 */
#include "devices/acpi-power.h"
#include "pv-kernel/foreign-frames.h"
#include "pv-kernel/kernel.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/platform.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_MAX        (1U << 20)
#define HEADER_BYTES     36
#define FADT_DSDT        40
#define FADT_X_DSDT      140
#define SLEEP_ENABLE     (1U << 13)
#define EFI_CONFIG_TABLE 2

static uint16_t pm1a_value, pm1b_value;

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
    uint8_t *header = address ? copy_machine(address, HEADER_BYTES) : NULL;

    if (!header)
        return NULL;
    *length = get32(header + 4);
    free(header);
    return *length >= HEADER_BYTES && *length <= TABLE_MAX ? copy_machine(address, *length) : NULL;
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
    for (uint32_t at = HEADER_BYTES; at + width <= root_length; at += width) {
        table = copy_table(wide ? get64(root + at) : get32(root + at), length);
        if (table && !memcmp(table, "FACP", 4))
            break;
        free(table);
        table = NULL;
    }
    free(root);
    return table;
}

/* One small integer of AML: ZeroOp, OneOp or BytePrefix; -1: something else. */
static int aml_byte(const uint8_t **p)
{
    int value = **p == 0x0a ? (*p)[1] : **p <= 1 ? **p : -1;

    *p += **p == 0x0a ? 2 : 1;
    return value;
}

static void s5_find(const uint8_t *dsdt, uint32_t length)
{
    for (uint32_t at = HEADER_BYTES; at + 16 < length; at++) {
        const uint8_t *p = dsdt + at + 5; /* behind the name and PackageOp */
        int a, b;

        if (memcmp(dsdt + at, "_S5_", 4) || dsdt[at + 4] != 0x12)
            continue;
        p += (*p >> 6) + 2; /* package length, element count */
        a = aml_byte(&p);
        b = aml_byte(&p);
        if (a < 0 || b < 0)
            continue;
        pm1a_value = (uint16_t)((unsigned int)a << 10 | SLEEP_ENABLE);
        pm1b_value = (uint16_t)((unsigned int)b << 10 | SLEEP_ENABLE);
        return;
    }
}

static void power_off(void)
{
    struct xen_platform_op op = { .cmd = XENPF_enter_acpi_sleep,
                                  .interface_version = XENPF_INTERFACE_VERSION };

    op.u.enter_acpi_sleep.val_a = pm1a_value;
    op.u.enter_acpi_sleep.val_b = pm1b_value;
    op.u.enter_acpi_sleep.sleep_state = 5;
    hypercall_platform_op(HYPERCALL_ARG(&op));
}

void acpi_power_start(void)
{
    uint32_t length, dsdt_length;
    uint8_t *fadt = fadt_find(&length), *dsdt;
    uint64_t address;

    if (!fadt)
        return;
    address = length >= FADT_X_DSDT + 8 ? get64(fadt + FADT_X_DSDT) : 0;
    if (!address && length >= FADT_DSDT + 4)
        address = get32(fadt + FADT_DSDT);
    dsdt = copy_table(address, &dsdt_length);
    free(fadt);
    if (!dsdt)
        return;
    s5_find(dsdt, dsdt_length);
    free(dsdt);
    if (pm1a_value)
        kernel_set_power_off_hook(power_off);
}

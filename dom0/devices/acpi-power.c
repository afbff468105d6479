/*
 * ACPI power-off: the sleep type for S5 is in the DSDT's \_S5 package, the register in the FADT
 * (ACPI 6.4, 7.4.2).  There is no AML interpreter here: the package is found by its name and must
 * have the plain form every firmware uses.  The write is the hypervisor's, by platform_op.
 */
#include "devices/acpi-power.h"
#include "devices/acpi-tables.h"
#include "pv-kernel/kernel.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/platform.h"
#include <string.h>

#define SLEEP_ENABLE (1U << 13)
#define SLEEP_TYPE   10

#define FADT_FLAGS    112
#define FLAGS_REDUCED (1U << 20)

static bool is_known,
    is_reduced; /* reduced: hardware without PM1, but with a sleep control register */
static uint16_t type_a, type_b;

/* One small integer of AML at *at: ZeroOp, OneOp or BytePrefix; -1: something else, or the end. */
static int aml_byte(const uint8_t *dsdt, uint32_t length, uint32_t *at)
{
    bool has_prefix = *at < length && dsdt[*at] == 0x0a;
    uint32_t value_at = *at + has_prefix;

    if (value_at >= length || (!has_prefix && dsdt[value_at] > 1))
        return -1;
    *at = value_at + 1;
    return dsdt[value_at];
}

/* The package may be the table's very end. */
static void s5_find(const uint8_t *dsdt, uint32_t length)
{
    for (uint32_t at = ACPI_HEADER_BYTES; at + 5 < length; at++) {
        uint32_t element = at + 5; /* behind the name and PackageOp */
        int a, b;

        if (memcmp(dsdt + at, "_S5_\x12", 5))
            continue;
        element += (dsdt[element] >> 6) + 2U; /* package length, element count */
        a = aml_byte(dsdt, length, &element);
        b = aml_byte(dsdt, length, &element);
        if (a < 0 || b < 0)
            continue;
        type_a = (uint16_t)a;
        type_b = (uint16_t)b;
        is_known = true;
        return;
    }
}

static void power_off(void)
{
    struct xen_platform_op op = { .cmd = XENPF_enter_acpi_sleep,
                                  .interface_version = XENPF_INTERFACE_VERSION };

    op.u.enter_acpi_sleep.sleep_state = 5;
    op.u.enter_acpi_sleep.val_a =
        is_reduced ? type_a : (uint16_t)(type_a << SLEEP_TYPE | SLEEP_ENABLE);
    op.u.enter_acpi_sleep.val_b =
        is_reduced ? type_b : (uint16_t)(type_b << SLEEP_TYPE | SLEEP_ENABLE);
    op.u.enter_acpi_sleep.flags = is_reduced ? XENPF_ACPI_SLEEP_EXTENDED : 0;
    hypercall_platform_op(HYPERCALL_ARG(&op));
}

void acpi_power_start(void)
{
    struct acpi_tables tables;

    acpi_tables_read(&tables);
    if (tables.dsdt)
        s5_find(tables.dsdt, tables.dsdt_length);
    if (tables.fadt_length >= FADT_FLAGS + 4)
        is_reduced = tables.fadt[FADT_FLAGS + 2] & FLAGS_REDUCED >> 16;
    acpi_tables_free(&tables);
    if (is_known)
        kernel_set_power_off_hook(power_off);
}

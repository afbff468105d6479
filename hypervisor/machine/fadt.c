/*
 * The FADT and \_S5 of the DSDT (ACPI 6.4, 5.2.9 and 7.4.2).  Later revisions have longer tables:
 * what a table is too short for is 0, which is "not there".
 */
#include "lib/bits.h"
#include "machine/acpi-tables.h"
#include "machine/power.h"

#define F_SMI_COMMAND   48
#define F_ACPI_ENABLE   52
#define F_PM1A_CONTROL  64
#define F_PM1B_CONTROL  68
#define F_PM_TIMER      76
#define F_BOOT_FLAGS    109 /* 2 bytes */
#define F_FLAGS         112
#define F_RESET         116 /* a generic address */
#define F_RESET_VALUE   128
#define F_X_PM1A        172 /* generic addresses */
#define F_X_PM1B        184
#define F_X_PM_TIMER    208
#define F_SLEEP_CONTROL 244

#define BOOT_NO_RTC     BIT(5)
#define FLAG_TIMER_32   BIT(8)
#define FLAG_RESET      BIT(10)
#define FLAG_HW_REDUCED BIT(20)
#define FADT_WITH_X     3 /* the revision from which extended fields count */

enum { SPACE_MEMORY, SPACE_PORTS, SPACE_PCI };

static uint32_t field(const struct acpi_table *t, uint32_t at, unsigned bytes)
{
    return (uint32_t)acpi_field(t, at, bytes);
}

static struct power_register port_register(uint64_t port)
{
    struct power_register r = { .kind = port ? POWER_PORT : POWER_NOTHING, .port = (uint16_t)port };

    return r;
}

/* From a generic address (ACPI 6.4, 5.2.3.2): space, width, offset, size, then the address. */
static struct power_register register_at(const struct acpi_table *t, uint32_t at, acpi_map_fn *map)
{
    uint64_t address = acpi_field(t, at + 4, 8);
    struct power_register r = { .kind = POWER_NOTHING };

    if (!address)
        return r;
    switch (field(t, at, 1)) {
    case SPACE_PORTS:
        return port_register(address);
    case SPACE_PCI: /* device, function and offset in 16 bits each, on bus 0 */
        r.kind = POWER_PCI;
        r.pci = (uint32_t)(address >> 32 & 0x1f) << 11 | (uint32_t)(address >> 16 & 7) << 8 |
                (uint32_t)(address & 0xff);
        break;
    case SPACE_MEMORY:
        r.memory = map(address, 4, true);
        r.kind = r.memory ? POWER_MEMORY : POWER_NOTHING;
        break;
    }
    return r;
}

static struct power_register pm1_control(const struct acpi_table *t, uint32_t extended,
                                         uint32_t plain, acpi_map_fn *map)
{
    struct power_register r = register_at(t, extended, map);

    return r.kind == POWER_NOTHING ? port_register(field(t, plain, 4)) : r;
}

/* One small integer of AML: ZeroOp, OneOp, or what stands behind a BytePrefix (ACPI 6.4, 20.2.3);
 * NULL: something else, or the end. */
static const uint8_t *aml_byte(const uint8_t *p, const uint8_t *end, uint8_t *value)
{
    bool has_prefix = p && p < end && *p == 0x0a;

    if (has_prefix)
        p++;
    if (!p || p >= end || (!has_prefix && *p > 1))
        return NULL;
    *value = *p;
    return p + 1;
}

/* \_S5 is a package of small integers: find its name in the byte code and read two of them.  It
 * may be the table's very end, as in Bochs.  What is no such package is something else's bytes. */
static void s5_find(const struct acpi_table *dsdt)
{
    const uint8_t *p = (const uint8_t *)(dsdt + 1), *end = (const uint8_t *)dsdt + dsdt->length;
    uint8_t a, b;

    for (; p + 5 < end; p++) {
        const uint8_t *package = p + 5;

        if (memcmp(p, "_S5_\x12", 5) != 0)
            continue;
        package += (package[0] >> 6) + 2; /* package length, element count */
        if (!aml_byte(aml_byte(package, end, &a), end, &b))
            continue;
        power_registers.sleep_type_a = a & 7;
        power_registers.sleep_type_b = b & 7;
        power_registers.s5_known = true;
        return;
    }
}

static void timers_and_clock(const struct acpi_table *t)
{
    uint32_t flags = field(t, F_FLAGS, 4);

    if (t->revision >= FADT_WITH_X && !field(t, F_X_PM_TIMER, 1) &&
        acpi_field(t, F_X_PM_TIMER + 4, 8))
        return; /* in memory: nobody has seen one */
    acpi_facts.pm_timer = (uint16_t)field(t, F_PM_TIMER, 4);
    if (t->revision >= FADT_WITH_X && field(t, F_X_PM_TIMER, 1) == SPACE_PORTS &&
        acpi_field(t, F_X_PM_TIMER + 4, 8))
        acpi_facts.pm_timer = (uint16_t)acpi_field(t, F_X_PM_TIMER + 4, 8);
    acpi_facts.pm_timer_32 = flags & FLAG_TIMER_32;
}

static void sleep_registers(const struct acpi_table *t, acpi_map_fn *map)
{
    struct power_registers *p = &power_registers;

    if (field(t, F_FLAGS, 4) & FLAG_HW_REDUCED) {
        p->sleep_control = register_at(t, F_SLEEP_CONTROL, map);
        return;
    }
    p->pm1a_control = pm1_control(t, F_X_PM1A, F_PM1A_CONTROL, map);
    p->pm1b_control = pm1_control(t, F_X_PM1B, F_PM1B_CONTROL, map);
    p->smi_command = (uint16_t)field(t, F_SMI_COMMAND, 4);
    p->acpi_enable = (uint8_t)field(t, F_ACPI_ENABLE, 1);
}

void fadt_read(const struct acpi_table *fadt, acpi_map_fn *map)
{
    const struct acpi_table *dsdt = acpi_table_at(acpi_field(fadt, FADT_X_DSDT, 8));

    if (!dsdt)
        dsdt = acpi_table_at(field(fadt, FADT_DSDT, 4));
    if (dsdt)
        s5_find(dsdt);
    sleep_registers(fadt, map);
    if (!(field(fadt, F_FLAGS, 4) & FLAG_HW_REDUCED))
        timers_and_clock(fadt);
    acpi_facts.no_rtc =
        fadt->revision >= FADT_WITH_X && (field(fadt, F_BOOT_FLAGS, 2) & BOOT_NO_RTC);
    if (field(fadt, F_FLAGS, 4) & FLAG_RESET) {
        power_registers.reset = register_at(fadt, F_RESET, map);
        power_registers.reset_value = (uint8_t)field(fadt, F_RESET_VALUE, 1);
    }
}

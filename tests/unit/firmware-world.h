/* A firmware's tables for unit tests: a FADT, a MADT and what conclude() makes of them. */
#ifndef TESTS_UNIT_FIRMWARE_WORLD_H
#define TESTS_UNIT_FIRMWARE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "acpi-build.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "machine/acpi.h"
#include "machine/cpu-features.h"
#include "machine/power.h"

struct cpu_features cpu_features;
struct power_registers power_registers;

void log_print(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

#define ON 1U /* a CPU's flags */

/* Revision 1 has 116 bytes, 3 has 244, 5 and later 268. */
#define FADT_1 116
#define FADT_3 244
#define FADT_5 268

enum { MEMORY, PORTS, PCI };

static struct table_build madt, fadt;

static inline void fadt_start(uint8_t revision, uint32_t length, uint16_t pm1a, uint16_t timer,
                              uint32_t flags)
{
    table_start(&fadt, "FACP", revision, length);
    table_set(&fadt, 64, 4, pm1a);
    table_set(&fadt, 76, 4, timer);
    table_set(&fadt, 112, 4, flags);
}

static inline uint64_t hpet_put(uint64_t address)
{
    struct table_build t;

    table_start(&t, "HPET", 1, 56);
    table_set_address(&t, 40, MEMORY, address);
    return table_put(&t);
}

/* With the DSDT below it, what has been started, and an HPET if there is an address. */
static inline int conclude(enum root root, uint64_t dsdt, uint64_t hpet, uint32_t boot_apic_id)
{
    uint64_t tables[3] = { 0 };
    unsigned count = 2;

    if (dsdt && fadt.length > 147)
        table_set(&fadt, 140, 8, dsdt);
    if (dsdt)
        table_set(&fadt, 40, 4, dsdt);
    tables[0] = table_put(&fadt);
    tables[1] = table_put(&madt);
    if (hpet)
        tables[count++] = hpet_put(hpet);
    return acpi_init(root_put(root, tables, count), boot_apic_id, acpi_build_map);
}

static inline int reset(void **state)
{
    (void)state;
    acpi_build_reset();
    memset(&acpi_facts, 0, sizeof(acpi_facts));
    memset(&power_registers, 0, sizeof(power_registers));
    memset(&cpu_features, 0, sizeof(cpu_features));
    madt_start(&madt);
    return 0;
}

static inline void cpus(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        madt_cpu(&madt, (uint8_t)i, (uint8_t)i, ON);
}

static inline void pc_overrides(void)
{
    madt_override(&madt, 0, 2, 0);
    madt_override(&madt, 9, 9, 0xd);
}

static inline void expect(unsigned count, unsigned ioapics, uint16_t timer, bool s5)
{
    assert_int_equal(acpi_facts.cpus, count);
    assert_int_equal(acpi_facts.ioapics, ioapics);
    assert_int_equal(acpi_facts.pm_timer, timer);
    assert_int_equal(power_registers.s5_known, s5);
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(acpi_facts.cpu[i].apic_id, acpi_facts.cpu[k].apic_id);
}

static inline void expect_off_by_port(uint16_t port, uint8_t type)
{
    assert_int_equal(power_registers.pm1a_control.kind, POWER_PORT);
    assert_int_equal(power_registers.pm1a_control.port, port);
    assert_int_equal(power_registers.sleep_type_a, type);
}

#endif

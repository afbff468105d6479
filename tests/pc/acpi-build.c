/* Layouts: ACPI 6.4, chapter 5. */
#include "acpi-build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define HEADER 36

static uint8_t memory[ACPI_MEMORY_BYTES];
static uint32_t used;

void acpi_build_reset(void)
{
    memset(memory, 0, sizeof(memory));
    used = 0;
}

void *acpi_build_map(uint64_t physical, size_t bytes, bool registers)
{
    static uint8_t devices[64]; /* any register's page: who it is for shows in the address */

    if (registers)
        return devices;
    if (physical < ACPI_MEMORY_AT || bytes > sizeof(memory) ||
        physical - ACPI_MEMORY_AT > sizeof(memory) - bytes)
        return NULL;
    return memory + (physical - ACPI_MEMORY_AT);
}

void table_start(struct table_build *t, const char *signature, uint8_t revision, uint32_t length)
{
    memset(t, 0, sizeof(*t));
    memcpy(t->bytes, signature, 4);
    t->bytes[8] = revision;
    t->length = length;
}

void table_set(struct table_build *t, uint32_t at, unsigned bytes, uint64_t value)
{
    assert_true(at + bytes <= t->length);
    memcpy(t->bytes + at, &value, bytes);
}

void table_add(struct table_build *t, const void *bytes, uint32_t count)
{
    assert_true(t->length + count <= sizeof(t->bytes));
    memcpy(t->bytes + t->length, bytes, count);
    t->length += count;
}

void table_set_address(struct table_build *t, uint32_t at, uint8_t space, uint64_t address)
{
    table_set(t, at, 1, space);
    table_set(t, at + 4, 8, address);
}

static uint64_t put(struct table_build *t, uint8_t wrong)
{
    uint64_t at = ACPI_MEMORY_AT + used;
    uint8_t sum = 0;

    memcpy(t->bytes + 4, &t->length, 4);
    t->bytes[9] = 0;
    for (uint32_t i = 0; i < t->length; i++)
        sum = (uint8_t)(sum + t->bytes[i]);
    t->bytes[9] = (uint8_t)(wrong - sum);
    assert_true(used + t->length <= sizeof(memory));
    memcpy(memory + used, t->bytes, t->length);
    used += (t->length + 63) & ~63U;
    return at;
}

uint64_t table_put(struct table_build *t)
{
    return put(t, 0);
}

uint64_t table_put_wrong(struct table_build *t)
{
    return put(t, 1);
}

void madt_start(struct table_build *t)
{
    table_start(t, "APIC", 3, HEADER + 8);
    table_set(t, HEADER, 4, 0xfee00000);
    table_set(t, HEADER + 4, 4, 1);
}

void madt_cpu(struct table_build *t, uint8_t acpi_id, uint8_t apic_id, uint32_t flags)
{
    table_add(t, (uint8_t[]){ 0, 8, acpi_id, apic_id, (uint8_t)flags, 0, 0, 0 }, 8);
}

static void add32(struct table_build *t, uint32_t value)
{
    table_add(t, &value, 4);
}

void madt_x2apic(struct table_build *t, uint32_t acpi_id, uint32_t apic_id, uint32_t flags)
{
    table_add(t, (uint8_t[]){ 9, 16, 0, 0 }, 4);
    add32(t, apic_id);
    add32(t, flags);
    add32(t, acpi_id);
}

void madt_ioapic(struct table_build *t, uint8_t id, uint32_t address, uint32_t gsi_base)
{
    table_add(t, (uint8_t[]){ 1, 12, id, 0 }, 4);
    add32(t, address);
    add32(t, gsi_base);
}

void madt_override(struct table_build *t, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    table_add(t, (uint8_t[]){ 2, 10, 0, irq }, 4);
    add32(t, gsi);
    table_add(t, &flags, 2);
}

void madt_nmi(struct table_build *t, uint8_t acpi_id, uint16_t flags, uint8_t lint)
{
    table_add(t, (uint8_t[]){ 4, 6, acpi_id, (uint8_t)flags, (uint8_t)(flags >> 8), lint }, 6);
}

void madt_x2apic_nmi(struct table_build *t, uint32_t acpi_id, uint16_t flags, uint8_t lint)
{
    table_add(t, (uint8_t[]){ 10, 12, (uint8_t)flags, (uint8_t)(flags >> 8) }, 4);
    add32(t, acpi_id);
    table_add(t, (uint8_t[]){ lint, 0, 0, 0 }, 4);
}

uint64_t dsdt_put(uint8_t type_a, uint8_t type_b)
{
    return dsdt_put_with_roots(type_a, type_b, NULL, 0);
}

uint64_t dsdt_put_with_roots(uint8_t type_a, uint8_t type_b, const uint8_t *roots, unsigned count)
{
    struct table_build t;
    const uint8_t s5[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x0a, 0x04, 0x0a, type_a, 0x0a, type_b };

    table_start(&t, "DSDT", 2, HEADER);
    for (unsigned i = 0; i < 20; i++)
        table_add(&t, "\x10\x20_SB_some byte code", 20);
    table_add(&t, s5, sizeof(s5));
    for (unsigned i = 0; i < count; i++) {
        table_add(&t, (const uint8_t[]){ 0x08, '_', 'B', 'B', 'N', 0x0a, roots[i] }, 7);
        table_add(&t, "its device's other names", 24);
    }
    return table_put(&t); /* nothing behind it where there are no roots, as in Bochs */
}

const void *root_put(enum root root, const uint64_t *tables, unsigned count)
{
    static uint8_t rsdp[36];
    struct table_build rsdt, xsdt;
    uint64_t at;

    table_start(&rsdt, "RSDT", 1, HEADER);
    table_start(&xsdt, "XSDT", 1, HEADER);
    for (unsigned i = 0; i < count; i++) {
        add32(&rsdt, (uint32_t)tables[i]);
        table_add(&xsdt, &tables[i], 8);
    }
    memset(rsdp, 0, sizeof(rsdp));
    memcpy(rsdp, "RSD PTR ", 8);
    rsdp[15] = root == ROOT_RSDT ? 0 : 2;
    if (root != ROOT_XSDT) {
        at = table_put(&rsdt);
        memcpy(rsdp + 16, &at, 4);
    }
    if (root == ROOT_XSDT || root == ROOT_BOTH) {
        at = table_put(&xsdt);
        memcpy(rsdp + 24, &at, 8);
    }
    return rsdp;
}

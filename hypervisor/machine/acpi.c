/* Table layouts: ACPI specification 6.4, chapter 5. */
#include "machine/acpi.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/cpu-features.h"
#include "machine/power.h"

struct table {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[22];
    uint32_t creator_revision;
} __attribute__((packed));

struct rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
} __attribute__((packed));

struct acpi_facts acpi_facts;
static const void *(*map_table)(uint64_t, size_t);

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

static uint64_t get64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return v;
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

/* The whole table at a physical address, or NULL if its sum is wrong. */
static const struct table *table_at(uint64_t physical)
{
    const struct table *t = map_table(physical, sizeof(*t));
    const uint8_t *bytes;
    uint8_t sum = 0;
    uint32_t length;

    if (!t || t->length < sizeof(*t) || t->length > (1U << 24))
        return NULL;
    length = t->length;
    t = map_table(physical, length);
    bytes = (const uint8_t *)t;
    for (uint32_t i = 0; t && i < length; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return sum ? NULL : t;
}

static const struct table *table_find(const struct rsdp *rsdp, const char *signature)
{
    bool wide = rsdp->revision >= 2 && rsdp->xsdt;
    const struct table *root = table_at(wide ? rsdp->xsdt : rsdp->rsdt), *t;
    unsigned size = wide ? 8 : 4, count;
    const uint8_t *entry;

    if (!root)
        return NULL;
    count = (root->length - (uint32_t)sizeof(*root)) / size;
    entry = (const uint8_t *)(root + 1);
    for (unsigned i = 0; i < count; i++, entry += size) {
        uint64_t at = wide ? get64(entry) : get32(entry);

        t = at ? map_table(at, sizeof(*t)) : NULL;
        if (t && !memcmp(t->signature, signature, 4))
            return table_at(at);
    }
    return NULL;
}

static void cpu_found(uint32_t apic_id, uint32_t acpi_id, uint32_t flags)
{
    if (!(flags & 1))
        return;
    /* Without x2APIC messages have eight bits for who is to get them, and 255 means everybody. */
    if (acpi_facts.cpus == MAX_CPUS || (apic_id >= 255 && !cpu_features.x2apic)) {
        acpi_facts.cpus_ignored++;
        return;
    }
    acpi_facts.cpu[acpi_facts.cpus].apic_id = apic_id;
    acpi_facts.cpu[acpi_facts.cpus++].acpi_id = acpi_id;
}

static void madt_entry(const uint8_t *e)
{
    struct acpi_ioapic *io = &acpi_facts.ioapic[acpi_facts.ioapics];
    struct acpi_override *o = &acpi_facts.override[acpi_facts.overrides];

    switch (e[0]) {
    case 0: /* local APIC */
        cpu_found(e[3], e[2], get32(e + 4));
        break;
    case 1: /* IO-APIC */
        if (acpi_facts.ioapics < MAX_IOAPICS) {
            *io = (struct acpi_ioapic){ e[2], get32(e + 4), get32(e + 8) };
            acpi_facts.ioapics++;
        }
        break;
    case 2: /* interrupt source override */
        if (acpi_facts.overrides < ARRAY_SIZE(acpi_facts.override)) {
            *o = (struct acpi_override){ e[3], get32(e + 4), (get16(e + 8) & 0xc) == 0xc,
                                         (get16(e + 8) & 3) == 3 };
            acpi_facts.overrides++;
        }
        break;
    case 5: /* local APIC address override */
        acpi_facts.lapic_address = get64(e + 4);
        break;
    case 9: /* local x2APIC */
        cpu_found(get32(e + 4), get32(e + 12), get32(e + 8));
        break;
    }
}

static void madt_read(const struct table *madt)
{
    const uint8_t *e = (const uint8_t *)(madt + 1), *end = (const uint8_t *)madt + madt->length;

    acpi_facts.lapic_address = get32(e);
    for (e += 8; e + 2 <= end && e[1] >= 2 && e + e[1] <= end; e += e[1])
        madt_entry(e);
}

/* \_S5 is a package of small integers: find its name in the byte code and read two of them. */
static void s5_find(const struct table *dsdt)
{
    const uint8_t *p = (const uint8_t *)(dsdt + 1), *end = (const uint8_t *)dsdt + dsdt->length;
    uint8_t value[2];

    for (; p + 16 < end; p++) {
        if (memcmp(p, "_S5_\x12", 5))
            continue;
        p += 5;
        p += (p[0] >> 6) + 2; /* package length, element count */
        for (unsigned i = 0; i < 2; i++) {
            if (*p == 0x0a) /* byte prefix; 0 and 1 may stand alone */
                p++;
            value[i] = *p++;
        }
        power_registers.sleep_type_a = (uint16_t)(value[0] << 10);
        power_registers.sleep_type_b = (uint16_t)(value[1] << 10);
        power_registers.s5_known = true;
        return;
    }
}

static void fadt_read(const struct table *fadt)
{
    const uint8_t *f = (const uint8_t *)fadt;
    const struct table *dsdt = table_at(get32(f + 40));

    power_registers.pm1a_control = (uint16_t)get32(f + 64);
    power_registers.pm1b_control = (uint16_t)get32(f + 68);
    if (fadt->length >= 129 && (get32(f + 112) & (1U << 10)) && f[116] == 1) {
        power_registers.reset_port = get64(f + 120);
        power_registers.reset_value = f[128];
    }
    if (dsdt)
        s5_find(dsdt);
}

int acpi_init(const void *root, const void *(*map)(uint64_t physical, size_t bytes))
{
    const struct table *madt, *fadt;

    map_table = map;
    madt = table_find(root, "APIC");
    fadt = table_find(root, "FACP");
    if (fadt)
        fadt_read(fadt);
    if (!madt)
        return -ENOENT;
    madt_read(madt);
    return 0;
}

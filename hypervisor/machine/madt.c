/* The MADT: CPUs and interrupt controllers (ACPI 6.4, 5.2.12). */
#include "lib/bits.h"
#include "machine/acpi-tables.h"
#include "machine/cpu-features.h"

#define FIRST_ENTRY 44

enum {
    ENTRY_LAPIC,
    ENTRY_IOAPIC,
    ENTRY_OVERRIDE,
    ENTRY_LAPIC_NMI = 4,
    ENTRY_X2APIC = 9,
    ENTRY_X2APIC_NMI
};

#define CPU_ENABLED        1U
#define LAPIC_ID_NONE      0xff
#define LAPIC_ALL_CPUS     0xff
#define POLARITY_LOW(flag) (((flag)&3) == 3)
#define TRIGGER_LEVEL(f)   (((f)&0xc) == 0xc)

static bool cpu_known(uint32_t apic_id)
{
    for (unsigned i = 0; i < acpi_facts.cpus; i++)
        if (acpi_facts.cpu[i].apic_id == apic_id)
            return true;
    return false;
}

/* A CPU may be listed in both of the forms there are. */
static void cpu_found(uint32_t boot_apic_id, uint32_t apic_id, uint32_t acpi_id, uint32_t flags)
{
    bool boot = apic_id == boot_apic_id;

    /* Of all ones: nobody, or as a destination everybody, the boot CPU too (ACPI 6.4, 5.2.12.12;
     * SDM volume 3, 11.12.9). */
    if (apic_id == UINT32_MAX)
        return;
    if (!(flags & CPU_ENABLED) || (!boot && cpu_known(apic_id)))
        return;
    if (boot) {
        acpi_facts.cpu[0].acpi_id = acpi_id;
        return;
    }
    /* Without x2APIC messages have eight bits for who is to get them, and 255 means everybody. */
    if (acpi_facts.cpus == MAX_CPUS || (apic_id >= 255 && !cpu_features.x2apic)) {
        acpi_facts.cpus_ignored++;
        return;
    }
    acpi_facts.cpu[acpi_facts.cpus].apic_id = apic_id;
    acpi_facts.cpu[acpi_facts.cpus++].acpi_id = acpi_id;
}

static void ioapic_found(uint8_t id, uint32_t address, uint32_t gsi_base)
{
    if (acpi_facts.ioapics == MAX_IOAPICS)
        acpi_facts.ioapics_ignored++;
    else
        acpi_facts.ioapic[acpi_facts.ioapics++] = (struct acpi_ioapic){ id, address, gsi_base };
}

static void override_found(uint8_t irq, uint32_t gsi, uint32_t flags)
{
    if (acpi_facts.overrides < ARRAY_SIZE(acpi_facts.override))
        acpi_facts.override[acpi_facts.overrides++] =
            (struct acpi_override){ irq, gsi, TRIGGER_LEVEL(flags), POLARITY_LOW(flags) };
}

static void nmi_found(uint32_t acpi_id, uint8_t lint, uint32_t flags)
{
    if (acpi_facts.nmi_pins < ARRAY_SIZE(acpi_facts.nmi_pin) && lint <= 1)
        acpi_facts.nmi_pin[acpi_facts.nmi_pins++] =
            (struct acpi_nmi_pin){ acpi_id, lint, TRIGGER_LEVEL(flags), POLARITY_LOW(flags) };
}

static void entry_read(const struct acpi_table *t, uint32_t at, uint32_t boot_apic_id)
{
    uint32_t id;

    switch (acpi_field(t, at, 1)) {
    case ENTRY_LAPIC:
        id = (uint32_t)acpi_field(t, at + 3, 1);
        if (id != LAPIC_ID_NONE)
            cpu_found(boot_apic_id, id, (uint32_t)acpi_field(t, at + 2, 1),
                      (uint32_t)acpi_field(t, at + 4, 4));
        break;
    case ENTRY_IOAPIC:
        ioapic_found((uint8_t)acpi_field(t, at + 2, 1), (uint32_t)acpi_field(t, at + 4, 4),
                     (uint32_t)acpi_field(t, at + 8, 4));
        break;
    case ENTRY_OVERRIDE:
        override_found((uint8_t)acpi_field(t, at + 3, 1), (uint32_t)acpi_field(t, at + 4, 4),
                       (uint32_t)acpi_field(t, at + 8, 2));
        break;
    case ENTRY_LAPIC_NMI:
        id = (uint32_t)acpi_field(t, at + 2, 1);
        nmi_found(id == LAPIC_ALL_CPUS ? ACPI_ALL_CPUS : id, (uint8_t)acpi_field(t, at + 5, 1),
                  (uint32_t)acpi_field(t, at + 3, 2));
        break;
    case ENTRY_X2APIC:
        cpu_found(boot_apic_id, (uint32_t)acpi_field(t, at + 4, 4),
                  (uint32_t)acpi_field(t, at + 12, 4), (uint32_t)acpi_field(t, at + 8, 4));
        break;
    case ENTRY_X2APIC_NMI:
        nmi_found((uint32_t)acpi_field(t, at + 4, 4), (uint8_t)acpi_field(t, at + 8, 1),
                  (uint32_t)acpi_field(t, at + 2, 2));
        break;
    }
}

void madt_read(const struct acpi_table *madt, uint32_t boot_apic_id)
{
    uint32_t bytes;

    acpi_facts.cpus = 1; /* it runs, whatever is listed */
    acpi_facts.cpu[0].apic_id = boot_apic_id;
    for (uint32_t at = FIRST_ENTRY; at + 2 <= madt->length; at += bytes) {
        bytes = (uint32_t)acpi_field(madt, at + 1, 1);
        if (bytes < 2 || at + bytes > madt->length)
            return;
        entry_read(madt, at, boot_apic_id);
    }
}

/* Table layouts: ACPI specification 6.4, chapter 5; the HPET's: IA-PC HPET 1.0a, 3.2.4. */
#include "machine/acpi.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "machine/acpi-tables.h"

#define HPET_SPACE   40 /* of its generic address */
#define HPET_ADDRESS 44

/* The SPCR's: Microsoft's "Serial Port Console Redirection Table", revision 4. */
#define SPCR_KIND      36 /* 0 and 1: a 16550 */
#define SPCR_SPACE     40
#define SPCR_ADDRESS   44
#define SPCR_INTERRUPT 52 /* bit 0: an ISA one, whose number is the next byte */
#define SPCR_SPEED     58
#define SPACE_PORTS    1

#define MAX_ENTRIES 1024U /* of a root table that are looked at: machines have 30 or 50 */

enum { FADT, HPET, SPCR, DMAR, IVRS, MADT, WANTED };
static const char signatures[WANTED][5] = { "FACP", "HPET", "SPCR", "DMAR", "IVRS", "APIC" };

struct acpi_facts acpi_facts;
static acpi_map_fn *map_table;

/* Firmware is known to ship tables with wrong sums; all others use them. */
static void sum_check(const struct acpi_table *t)
{
    const uint8_t *bytes = (const uint8_t *)t;
    uint8_t sum = 0;

    for (uint32_t i = 0; i < t->length; i++)
        sum = (uint8_t)(sum + bytes[i]);
    if (!sum)
        return;
    acpi_facts.wrong_sums++;
    log_warning("ACPI: the checksum of table %.4s is wrong", t->signature);
}

const struct acpi_table *acpi_table_at(uint64_t physical)
{
    const struct acpi_table *t = physical ? map_table(physical, sizeof(*t), false) : NULL;

    if (!t || t->length < sizeof(*t) || t->length > ACPI_TABLE_MAX)
        return NULL;
    t = map_table(physical, t->length, false);
    if (t)
        sum_check(t);
    return t;
}

static const struct acpi_table *root_table(const struct acpi_rsdp *rsdp, unsigned *entry_bytes)
{
    const struct acpi_table *t = NULL;

    if (rsdp->revision >= 2)
        t = acpi_table_at(rsdp->xsdt);
    *entry_bytes = t ? 8 : 4;
    return t ? t : acpi_table_at(rsdp->rsdt);
}

/* Where the first of each is; 0: there is none.  One walk: what is mapped stays mapped. */
static void tables_find(const struct acpi_rsdp *rsdp, uint64_t places[WANTED])
{
    unsigned bytes;
    const struct acpi_table *root = root_table(rsdp, &bytes), *t;

    for (uint32_t i = 0; root && i < MAX_ENTRIES; i++) {
        uint64_t physical = acpi_field(root, sizeof(*root) + i * bytes, bytes);

        t = physical ? map_table(physical, sizeof(*t), false) : NULL;
        for (unsigned w = 0; t && w < WANTED; w++)
            if (!places[w] && !memcmp(t->signature, signatures[w], 4))
                places[w] = physical;
    }
}

static void hpet_read(const struct acpi_table *hpet)
{
    if (!acpi_field(hpet, HPET_SPACE, 1)) /* in memory */
        acpi_facts.hpet_address = acpi_field(hpet, HPET_ADDRESS, 8);
}

/* A serial port for consoles among the I/O ports. */
static void spcr_read(const struct acpi_table *spcr)
{
    static const uint32_t speeds[] = {
        [0] = SERIAL_BAUD_KEPT, [3] = 9600, [4] = 19200, [6] = 57600, [7] = 115200
    };
    uint64_t kind = acpi_field(spcr, SPCR_KIND, 1), address = acpi_field(spcr, SPCR_ADDRESS, 8);
    uint64_t speed = acpi_field(spcr, SPCR_SPEED, 1);
    struct serial_port *port = &acpi_facts.console;

    if (kind > 1 || acpi_field(spcr, SPCR_SPACE, 1) != SPACE_PORTS || !address ||
        address > UINT16_MAX - SERIAL_PORTS)
        return;
    port->base = (uint16_t)address;
    if (acpi_field(spcr, SPCR_INTERRUPT, 1) & 1)
        port->irq = (uint8_t)acpi_field(spcr, SPCR_INTERRUPT + 1, 1) & 15;
    port->baud = SERIAL_BAUD_MAX; /* where the number says nothing */
    if (speed < ARRAY_SIZE(speeds) && (speeds[speed] || !speed))
        port->baud = speeds[speed];
}

int acpi_init(const void *rsdp, uint32_t apic_id, acpi_map_fn *map)
{
    uint64_t places[WANTED] = { 0 };
    const struct acpi_table *t;

    map_table = map;
    tables_find(rsdp, places);
    if ((t = acpi_table_at(places[FADT])))
        fadt_read(t, map);
    if ((t = acpi_table_at(places[HPET])))
        hpet_read(t);
    if ((t = acpi_table_at(places[SPCR])))
        spcr_read(t);
    if ((t = acpi_table_at(places[DMAR])))
        dmar_read(t);
    if ((t = acpi_table_at(places[IVRS])))
        ivrs_read(t);
    t = acpi_table_at(places[MADT]);
    if (!t)
        return -ENOENT;
    madt_read(t, apic_id);
    return 0;
}

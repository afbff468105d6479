/*
 * See firmware-tables.h.  The tables are read through start.S's map of the first 4 GiB, and are
 * not believed: what is no table is passed over here, and once more when it is used (acpi.c).
 */
#include "boot/firmware-tables.h"
#include "boot/boot-info.h"
#include "boot/memory-map.h"
#include "lib/log.h"
#include "machine/acpi-tables.h"
#include "memory/frame.h"

#define MAPPED_END   (1UL << 32)
#define MOST_ENTRIES 256U /* of a root table: each may take 16 MiB */

static const void *at(uint64_t physical, uint64_t bytes)
{
    bool is_mapped = physical && bytes <= MAPPED_END && physical <= MAPPED_END - bytes;

    return is_mapped ? (const uint8_t *)frame_virt(mfn(0)) + physical : NULL;
}

/* Signatures are four characters that can be read (ACPI 6.4, 5.2.6). */
static bool is_named(const struct acpi_table *t)
{
    for (unsigned i = 0; i < sizeof(t->signature); i++)
        if (t->signature[i] < ' ' || t->signature[i] > '~')
            return false;
    return true;
}

/* What of [*start, *end) is the first range of RAM's. */
static bool ram_find(uint64_t *start, uint64_t *end)
{
    for (unsigned i = 0; i < boot_info.e820_entries; i++) {
        const struct e820_entry *e = &boot_info.e820[i];

        if (e->type == E820_RAM && e->addr < *end && e->addr + e->size > *start) {
            *start = max(*start, e->addr);
            *end = min(*end, e->addr + e->size);
            return true;
        }
    }
    return false;
}

/* Piece by piece, as the map is cut into ranges; what is settled is found no more, here or where
 * the same table is named again. */
static void keep(uint64_t start, uint64_t end)
{
    unsigned ignored = boot_info.e820_ignored;
    uint64_t from = start, to = end;

    for (; ram_find(&from, &to); from = start, to = end) {
        memory_map_add(from, to - from, E820_ACPI);
        memory_map_settle();
        if (boot_info.e820_ignored != ignored) {
            log_warning("memory: the map has no room for ACPI's table at %lx", start);
            return;
        }
        log_info("memory: ACPI's table at %lx is in RAM, which is kept for it", start);
    }
}

/* The whole table, whose pages are kept; NULL: it is none. */
static const struct acpi_table *table_keep(uint64_t physical)
{
    const struct acpi_table *t = at(physical, sizeof(*t));

    if (!t || t->length < sizeof(*t) || t->length > ACPI_TABLE_MAX || !is_named(t) ||
        !at(physical, t->length))
        return NULL;
    keep(physical & PAGE_MASK, round_up(physical + t->length, PAGE_SIZE));
    return t;
}

static void root_keep(uint64_t physical, unsigned entry_bytes)
{
    const struct acpi_table *root = table_keep(physical), *t;

    if (!root)
        return;
    for (uint32_t i = 0; i < MOST_ENTRIES; i++) {
        t = table_keep(acpi_field(root, sizeof(*root) + i * entry_bytes, entry_bytes));
        if (!t || memcmp(t->signature, "FACP", 4))
            continue;
        table_keep(acpi_field(t, FADT_DSDT, 4));
        table_keep(acpi_field(t, FADT_X_DSDT, 8));
    }
}

void firmware_tables_keep(void)
{
    struct acpi_rsdp rsdp;

    if (!boot_info.have_rsdp)
        return;
    memcpy(&rsdp, boot_info.rsdp, sizeof(rsdp));
    root_keep(rsdp.rsdt, 4);
    if (rsdp.revision >= 2)
        root_keep(rsdp.xsdt, 8);
}

/* See efi.h. */
#include "machine/efi.h"
#include "lib/log.h"
#include "lib/string.h"

struct system_table {
    char signature[8];
    uint32_t revision, header_bytes, crc32, reserved;
    uint64_t vendor;
    uint32_t vendor_revision, padding;
    uint64_t consoles[6], runtime_services, boot_services;
    uint64_t entries, config_tables;
};
_Static_assert(sizeof(struct system_table) == 120, "as in UEFI 2.9, 4.3");

struct efi_facts efi_facts;

void efi_init(uint64_t system_table, acpi_map_fn *map)
{
    const struct system_table *t = system_table ? map(system_table, sizeof(*t), false) : NULL;

    if (!t)
        return;
    if (memcmp(t->signature, "IBI SYST", 8) || !t->config_tables || !t->entries) {
        log_warning("UEFI's system table at %lx is none: passed over", system_table);
        return;
    }
    efi_facts.present = true;
    efi_facts.version = t->revision;
    efi_facts.config_tables = t->config_tables;
    efi_facts.config_tables_count = (uint32_t)min(t->entries, (uint64_t)EFI_CONFIG_TABLES_MAX);
}

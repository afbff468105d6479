/* What UEFI firmware leaves to an operating system: its table of tables (UEFI 2.9, 4.3 and 4.6). */
#ifndef MACHINE_EFI_H
#define MACHINE_EFI_H

#include "machine/acpi.h"

struct efi_facts {
    bool present;
    uint32_t version;             /* of the specification: 2.70 is 0x20046 */
    uint64_t config_tables;       /* physical; entries of 24 bytes */
    uint32_t config_tables_count; /* at most EFI_CONFIG_TABLES_MAX are told */
};
extern struct efi_facts efi_facts;

#define EFI_CONFIG_TABLES_MAX 256u

/* system_table: its physical address by the boot loader's word, or 0: it was no UEFI. */
void efi_init(uint64_t system_table, acpi_map_fn *map);

#endif

/* Some firmware leaves its tables in ordinary memory. */
#ifndef BOOT_FIRMWARE_TABLES_H
#define BOOT_FIRMWARE_TABLES_H

/*
 * Makes the pages of ACPI's tables that the memory map calls RAM E820_ACPI in boot_info.e820, so
 * that nobody else takes them; before early_memory_init.  Tables above 4 GiB stay as they are.
 */
void firmware_tables_keep(void);

#endif

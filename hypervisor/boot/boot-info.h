/* What the boot loader handed over (Multiboot2 boot information, section 3.6 of its
 * specification), read once into structures of our own. */
#ifndef BOOT_BOOT_INFO_H
#define BOOT_BOOT_INFO_H

#include "hypercall-abi/memory.h"
#include "lib/types.h"
#include "limits.h"
#include "machine/display.h"

struct boot_module {
    uint64_t start, end; /* physical */
    char command_line[MAX_COMMAND_LINE];
};

struct boot_info {
    char command_line[MAX_COMMAND_LINE];
    char loader[64];
    unsigned modules;
    struct boot_module module[MAX_MODULES];
    unsigned e820_entries, e820_ignored;
    struct e820_entry e820[MAX_E820];
    uint8_t rsdp[36];
    bool have_rsdp;
    uint64_t efi_system_table; /* physical; 0: not started by UEFI */
    enum { SCREEN_NONE, SCREEN_TEXT, SCREEN_PIXELS } screen;
    struct framebuffer framebuffer;
    uint64_t information_start, information_end;
};
extern struct boot_info boot_info;

/* magic and information as GRUB left them.  Panics with what to do if they are no use. */
void boot_info_read(uint32_t magic, uint64_t information);

#endif

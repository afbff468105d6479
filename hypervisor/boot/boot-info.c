/* The loader is trusted, but not to stay within our bounds. */
#include "boot/boot-info.h"
#include "boot/memory-map.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "lib/string.h"
#include "memory/frame.h"

#define MB2_LOADER_MAGIC 0x36d76289U

enum {
    TAG_END,
    TAG_COMMAND_LINE,
    TAG_LOADER,
    TAG_MODULE,
    TAG_MEMORY_MAP = 6,
    TAG_FRAMEBUFFER = 8,
    TAG_EFI_64 = 12,
    TAG_ACPI_OLD = 14,
    TAG_ACPI_NEW = 15
};

struct tag {
    uint32_t type, size;
};

struct framebuffer_tag {
    uint32_t tag, size;
    uint64_t address;
    uint32_t pitch, width, height;
    uint8_t bits_per_pixel, type;
    uint16_t reserved;
    uint8_t colour[6]; /* position and bits of red, green, blue */
} __attribute__((packed));

enum { FRAMEBUFFER_RGB = 1, FRAMEBUFFER_TEXT };

struct map_entry {
    uint64_t base, length;
    uint32_t type, reserved;
};

struct boot_info boot_info;

static void read_module(const struct tag *t)
{
    const uint32_t *range = (const uint32_t *)(t + 1);
    struct boot_module *m = &boot_info.module[boot_info.modules];

    if (boot_info.modules == MAX_MODULES) {
        log_warning("more than %d modules: the rest is ignored", MAX_MODULES);
        return;
    }
    m->start = range[0];
    m->end = range[1];
    string_copy(m->command_line, (const char *)(range + 2), sizeof(m->command_line));
    boot_info.modules++;
}

static void read_map(const struct tag *t)
{
    const uint32_t *header = (const uint32_t *)(t + 1);
    const uint8_t *at = (const uint8_t *)(header + 2), *end = (const uint8_t *)t + t->size;

    if (header[0] < sizeof(struct map_entry))
        return;
    for (; at + header[0] <= end; at += header[0]) {
        const struct map_entry *m = (const struct map_entry *)at;

        memory_map_add(m->base, m->length, m->type);
    }
    memory_map_settle();
    if (boot_info.e820_ignored)
        log_warning("the memory map has %u ranges more than we have room for",
                    boot_info.e820_ignored);
}

static void read_framebuffer(const struct framebuffer_tag *t)
{
    struct framebuffer *f = &boot_info.framebuffer;

    if (t->size < offsetof(struct framebuffer_tag, colour))
        return;
    if (t->type == FRAMEBUFFER_TEXT)
        boot_info.screen = SCREEN_TEXT;
    if (t->type != FRAMEBUFFER_RGB || t->size < sizeof(*t))
        return;
    boot_info.screen = SCREEN_PIXELS;
    *f = (struct framebuffer){ t->address, t->pitch, t->width, t->height, t->bits_per_pixel, {} };
    memcpy(f->colour, t->colour, sizeof(f->colour));
}

static void read_tag(const struct tag *t)
{
    const uint8_t *body = (const uint8_t *)(t + 1);
    size_t length = t->size - sizeof(*t);

    switch (t->type) {
    case TAG_COMMAND_LINE:
        string_copy(boot_info.command_line, (const char *)body, sizeof(boot_info.command_line));
        break;
    case TAG_LOADER:
        string_copy(boot_info.loader, (const char *)body, sizeof(boot_info.loader));
        break;
    case TAG_MODULE:
        read_module(t);
        break;
    case TAG_MEMORY_MAP:
        read_map(t);
        break;
    case TAG_FRAMEBUFFER:
        read_framebuffer((const struct framebuffer_tag *)t);
        break;
    case TAG_EFI_64:
        if (length >= sizeof(uint64_t))
            memcpy(&boot_info.efi_system_table, body, sizeof(uint64_t));
        break;
    case TAG_ACPI_OLD:
        if (boot_info.have_rsdp)
            break;
        /* fall through */
    case TAG_ACPI_NEW:
        memcpy(boot_info.rsdp, body, min(length, sizeof(boot_info.rsdp)));
        boot_info.have_rsdp = true;
        break;
    }
}

void boot_info_read(uint32_t magic, uint64_t information)
{
    const uint8_t *at = frame_virt(mfn(0)), *end;

    if (magic != MB2_LOADER_MAGIC)
        boot_refuse("not started by a Multiboot2 loader: use GRUB's `multiboot2` command");
    at += information;
    boot_info.information_start = information;
    end = at + *(const uint32_t *)at;
    boot_info.information_end = information + *(const uint32_t *)at;
    for (at += 8; at + sizeof(struct tag) <= end;) {
        const struct tag *t = (const struct tag *)at;

        if (t->type == TAG_END || t->size < sizeof(*t))
            break;
        read_tag(t);
        at += round_up(t->size, 8U);
    }
    if (!boot_info.e820_entries)
        boot_refuse("the boot loader gave no memory map");
}

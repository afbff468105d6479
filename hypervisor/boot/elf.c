/* ELF-64: System V ABI, chapters 4 and 5.  The boot loader is trusted, a file may be broken. */
#include "boot/elf.h"
#include "hypercall-abi/elf-notes.h"
#include "lib/bug.h"
#include "lib/string.h"

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, program_headers, section_headers;
    uint32_t flags;
    uint16_t size, program_header_size, program_header_count, section_header_size,
        section_header_count, names;
};

struct program_header {
    uint32_t type, flags;
    uint64_t offset, virt, phys, file_size, memory_size, align;
};

struct note {
    uint32_t name_size, value_size, type;
};

#define PT_LOAD 1
#define PT_NOTE 4
#define UNSET   UINT64_MAX

static const struct program_header *header_at(const struct kernel_image *image, unsigned i)
{
    const struct elf_header *e = (const struct elf_header *)image->file;
    uint64_t at = e->program_headers + (uint64_t)i * e->program_header_size;
    const struct program_header *p = (const struct program_header *)(image->file + at);

    if (at + sizeof(*p) > image->bytes || p->offset > image->bytes ||
        p->file_size > image->bytes - p->offset)
        boot_refuse("the control domain's kernel is cut short");
    return p;
}

static unsigned header_count(const struct kernel_image *image)
{
    return ((const struct elf_header *)image->file)->program_header_count;
}

static void note_apply(struct kernel_image *image, uint32_t type, const uint8_t *value,
                       uint32_t size)
{
    uint64_t n = 0;

    memcpy(&n, value, min(size, 8U));
    switch (type) {
    case XEN_ELFNOTE_ENTRY:
        image->entry = n;
        break;
    case XEN_ELFNOTE_VIRT_BASE:
        image->virt_base = n;
        break;
    case XEN_ELFNOTE_PADDR_OFFSET:
        image->paddr_offset = n;
        break;
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        image->hypercall_page = n;
        image->has_hypercall_page = true;
        break;
    case XEN_ELFNOTE_INIT_P2M:
        image->init_p2m = n;
        image->has_init_p2m = true;
        break;
    case XEN_ELFNOTE_MOD_START_PFN:
        image->initrd_unmapped = n != 0;
        break;
    }
}

static void notes_read(struct kernel_image *image, const struct program_header *p)
{
    uint64_t at = 0;

    while (at + sizeof(struct note) <= p->file_size) {
        const struct note *n = (const struct note *)(image->file + p->offset + at);
        uint64_t name = at + sizeof(*n), value = name + round_up((uint64_t)n->name_size, 4UL);

        at = value + round_up((uint64_t)n->value_size, 4UL);
        if (at > p->file_size)
            return;
        if (n->name_size == 4 && !memcmp(image->file + p->offset + name, "Xen", 4))
            note_apply(image, n->type, image->file + p->offset + value, n->value_size);
    }
}

static uint64_t segment_virt(const struct kernel_image *image, const struct program_header *p)
{
    return p->phys - image->paddr_offset + image->virt_base;
}

static void measure(struct kernel_image *image)
{
    image->start = UINT64_MAX;
    image->end = 0;
    for (unsigned i = 0; i < header_count(image); i++) {
        const struct program_header *p = header_at(image, i);

        if (p->type != PT_LOAD || !p->memory_size)
            continue;
        image->start = min(image->start, segment_virt(image, p));
        image->end = max(image->end, segment_virt(image, p) + p->memory_size);
    }
    if (image->end <= image->start)
        boot_refuse("the control domain's kernel has nothing to load");
}

void kernel_image_parse(const uint8_t *file, uint64_t bytes, struct kernel_image *image)
{
    const struct elf_header *e = (const struct elf_header *)file;

    *image =
        (struct kernel_image){ .file = file, .bytes = bytes, .entry = UNSET, .virt_base = UNSET };
    if (bytes < sizeof(*e) || memcmp(e->ident,
                                     "\x7f"
                                     "ELF\x02\x01",
                                     6))
        boot_refuse(
            "the control domain's kernel is not a 64-bit ELF image (a bzImage has to be unpacked "
            "first)");
    if (e->machine != 62 || e->program_header_size < sizeof(struct program_header))
        boot_refuse("the control domain's kernel is not for x86-64");
    for (unsigned i = 0; i < header_count(image); i++)
        if (header_at(image, i)->type == PT_NOTE)
            notes_read(image, header_at(image, i));
    if (image->virt_base == UNSET)
        panic(
            "the control domain's kernel has no Xen notes: it is not built for paravirtualization");
    if (image->entry == UNSET)
        image->entry = e->entry;
    measure(image);
}

void kernel_image_load(const struct kernel_image *image,
                       void (*copy)(void *, uint64_t, const uint8_t *, uint64_t), void *context)
{
    for (unsigned i = 0; i < header_count(image); i++) {
        const struct program_header *p = header_at(image, i);

        if (p->type != PT_LOAD || !p->memory_size)
            continue;
        copy(context, segment_virt(image, p), image->file + p->offset, p->file_size);
    }
}

/*
 * A PV kernel as an ELF file.  See elf.h.  Layouts: System V ABI, chapter 4 and 5.
 */
#include "vmctl/image/elf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall-abi/elf-notes.h"
#include "hypercall-abi/version.h"

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_program {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_section {
    uint32_t name, type;
    uint64_t flags, addr, offset, size;
    uint32_t link, info;
    uint64_t align, entsize;
};

struct elf_note {
    uint32_t name_size, desc_size, type;
};

#define ELF_CLASS_64   2
#define ELF_LITTLE     1
#define ELF_MACHINE_64 62
#define ELF_EXEC       2
#define ELF_DYN        3
#define PT_LOAD        1u
#define PT_NOTE        4u
#define SHT_NOTE       7u
#define PHYSICAL_MAX   (1ULL << 40)
#define NOTES_MAX      4096u /* a kernel has some twenty */

struct reader {
    struct kernel_elf *elf;
    const char *file;
    const uint8_t *data;
    size_t size;
    struct failure *failure;
    struct elf_header header;
    bool xen_notes, has_entry, has_paddr_offset, has_phys32_entry;
    unsigned int notes;
    char xen_version[16], pae[8];
};

static int elf_error(struct reader *reader, const char *why, const char *remedy)
{
    return failure_set(reader->failure, -EINVAL, "kernel %s: %s (%s)", reader->file, why, remedy);
}

static bool within(const struct reader *reader, uint64_t offset, uint64_t size)
{
    return offset <= reader->size && size <= reader->size - offset;
}

static int read_header(struct reader *reader)
{
    struct elf_header *header = &reader->header;

    if (reader->size < sizeof(*header))
        return elf_error(reader, "too short for a kernel", "is the file complete?");
    memcpy(header, reader->data, sizeof(*header));
    if (header->ident[4] != ELF_CLASS_64)
        return elf_error(reader, "a 32-bit kernel", "only 64-bit PV kernels run here");
    if (header->ident[5] != ELF_LITTLE || header->machine != ELF_MACHINE_64)
        return elf_error(reader, "not for x86-64", "use an x86-64 kernel");
    if (header->type != ELF_EXEC && header->type != ELF_DYN)
        return elf_error(reader, "not an executable ELF file", "use vmlinux or vmlinuz");
    if (header->phentsize != sizeof(struct elf_program) || header->phnum == 0 ||
        !within(reader, header->phoff, (uint64_t)header->phnum * sizeof(struct elf_program)))
        return elf_error(reader, "corrupt: bad program headers", "is the file complete?");
    return 0;
}

static int read_load(struct reader *reader, const struct elf_program *program)
{
    struct kernel_elf *elf = reader->elf;

    if (!program->memsz)
        return 0;
    if (elf->segment_count == SEGMENTS_MAX)
        return elf_error(reader, "too many segments", "use another kernel");
    if (program->filesz > program->memsz || !within(reader, program->offset, program->filesz))
        return elf_error(reader, "corrupt or truncated: a segment is not in the file",
                         "is the file complete?");
    if (program->paddr > PHYSICAL_MAX || program->memsz > PHYSICAL_MAX)
        return elf_error(reader, "corrupt: a segment's address is absurd", "use another kernel");
    for (size_t i = 0; i < elf->segment_count; i++)
        if (program->paddr < elf->segments[i].physical + elf->segments[i].memory_size &&
            elf->segments[i].physical < program->paddr + program->memsz)
            return elf_error(reader, "corrupt: its segments overlap", "use another kernel");
    struct elf_segment *segment = &elf->segments[elf->segment_count++];

    *segment =
        (struct elf_segment){ program->offset, program->filesz, program->paddr, program->memsz };
    if (elf->segment_count == 1 || segment->physical < elf->start)
        elf->start = segment->physical;
    if (segment->physical + segment->memory_size > elf->end)
        elf->end = segment->physical + segment->memory_size;
    return 0;
}

static uint64_t note_number(const uint8_t *desc, uint32_t size)
{
    uint64_t number = 0;

    if (size == 1 || size == 2 || size == 4 || size == 8)
        memcpy(&number, desc, size);
    return number;
}

static void note_text(char *to, size_t room, const uint8_t *desc, uint32_t size)
{
    size_t length = 0;

    while (length < size && length < room - 1 && desc[length])
        length++;
    memcpy(to, desc, length);
    to[length] = '\0';
}

static void read_note(struct reader *reader, uint32_t type, const uint8_t *desc, uint32_t size)
{
    struct kernel_elf *elf = reader->elf;

    reader->xen_notes = true;
    switch (type) {
    case XEN_ELFNOTE_ENTRY:
        elf->entry = note_number(desc, size);
        reader->has_entry = true;
        break;
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        elf->hypercall_page = note_number(desc, size);
        elf->has_hypercall_page = true;
        break;
    case XEN_ELFNOTE_VIRT_BASE:
        elf->virt_base = note_number(desc, size);
        break;
    case XEN_ELFNOTE_PADDR_OFFSET:
        elf->paddr_offset = note_number(desc, size);
        reader->has_paddr_offset = true;
        break;
    case XEN_ELFNOTE_PHYS32_ENTRY:
        reader->has_phys32_entry = true;
        break;
    case XEN_ELFNOTE_XEN_VERSION:
        note_text(reader->xen_version, sizeof(reader->xen_version), desc, size);
        break;
    case XEN_ELFNOTE_GUEST_OS:
        note_text(elf->guest_os, sizeof(elf->guest_os), desc, size);
        break;
    case XEN_ELFNOTE_INIT_P2M:
        elf->init_p2m = note_number(desc, size);
        elf->has_init_p2m = true;
        break;
    case XEN_ELFNOTE_MOD_START_PFN:
        elf->mod_start_pfn = note_number(desc, size) != 0;
        break;
    case XEN_ELFNOTE_SUPPORTED_FEATURES:
        elf->runs_translated = note_number(desc, size) >> XENFEAT_auto_translated_physmap & 1;
        break;
    default:
        break;
    }
}

/* The notes of a segment or section; a broken one ends the list.  Many lists may lie in the same
 * bytes of the file, so what counts is how many notes are read in all. */
static void read_notes(struct reader *reader, uint64_t offset, uint64_t size)
{
    if (!within(reader, offset, size))
        return;
    while (reader->notes <= NOTES_MAX && size >= sizeof(struct elf_note)) {
        struct elf_note note;

        reader->notes++;
        memcpy(&note, reader->data + offset, sizeof(note));
        uint64_t name = offset + sizeof(note);
        uint64_t name_room = ((uint64_t)note.name_size + 3) & ~3ULL;
        uint64_t desc_room = ((uint64_t)note.desc_size + 3) & ~3ULL;
        uint64_t whole = sizeof(note) + name_room + desc_room;

        if (sizeof(note) + name_room + note.desc_size > size)
            return;
        if (note.name_size == 4 && !memcmp(reader->data + name, "Xen", 4))
            read_note(reader, note.type, reader->data + name + name_room, note.desc_size);
        if (whole > size)
            return;
        offset += whole;
        size -= whole;
    }
}

static int read_programs(struct reader *reader)
{
    for (unsigned int i = 0; i < reader->header.phnum; i++) {
        struct elf_program program;
        int error = 0;

        memcpy(&program, reader->data + reader->header.phoff + i * sizeof(program),
               sizeof(program));
        if (program.type == PT_LOAD)
            error = read_load(reader, &program);
        else if (program.type == PT_NOTE)
            read_notes(reader, program.offset, program.filesz);
        if (error)
            return error;
    }
    return 0;
}

static bool read_section(const struct reader *reader, unsigned int index,
                         struct elf_section *section)
{
    const struct elf_header *header = &reader->header;

    if (index >= header->shnum || header->shentsize != sizeof(*section) ||
        !within(reader, header->shoff, (uint64_t)header->shnum * sizeof(*section)))
        return false;
    memcpy(section, reader->data + header->shoff + index * sizeof(*section), sizeof(*section));
    return true;
}

/* Kernels linked without a PT_NOTE have their notes in sections. */
static void read_note_sections(struct reader *reader)
{
    struct elf_section section;

    for (unsigned int i = 0; read_section(reader, i, &section); i++)
        if (section.type == SHT_NOTE)
            read_notes(reader, section.offset, section.size);
}

/* One word of the string below; what it is called there, and as a note. */
static void read_guest_word(struct reader *reader, const char *key, const char *text)
{
    static const struct {
        const char *key;
        uint32_t note;
        bool is_text;
    } keys[] = {
        { "VIRT_BASE", XEN_ELFNOTE_VIRT_BASE, false },
        { "VIRT_ENTRY", XEN_ELFNOTE_ENTRY, false },
        { "ELF_PADDR_OFFSET", XEN_ELFNOTE_PADDR_OFFSET, false },
        { "HYPERCALL_PAGE", XEN_ELFNOTE_HYPERCALL_PAGE, false },
        { "XEN_VER", XEN_ELFNOTE_XEN_VERSION, true },
        { "GUEST_OS", XEN_ELFNOTE_GUEST_OS, true },
    };
    uint64_t number = strtoull(text, NULL, 0);

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (!strcmp(keys[i].key, key))
            read_note(reader, keys[i].note,
                      keys[i].is_text ? (const uint8_t *)text : (const uint8_t *)&number,
                      keys[i].is_text ? (uint32_t)strlen(text) : sizeof(number));
}

/* KEY=value words, comma between, as kernels said it before there were notes.  The hypercall page
 * is a number of pages from VIRT_BASE on, and physical addresses in the file are virtual ones. */
static void read_guest_string(struct reader *reader, uint64_t offset, uint64_t size)
{
    struct kernel_elf *elf = reader->elf;
    char text[1024], *word, *rest = text, *value;

    if (!within(reader, offset, size))
        return;
    note_text(text, sizeof(text), reader->data + offset,
              size < sizeof(text) ? (uint32_t)size : (uint32_t)sizeof(text));
    reader->xen_notes = true;
    while ((word = strsep(&rest, ","))) {
        value = strchr(word, '=');
        if (value) {
            *value = '\0';
            read_guest_word(reader, word, value + 1);
        }
    }
    if (elf->has_hypercall_page)
        elf->hypercall_page = (elf->hypercall_page << 12) + elf->virt_base;
    if (!reader->has_paddr_offset)
        elf->paddr_offset = elf->virt_base;
}

static void read_guest_section(struct reader *reader)
{
    static const char wanted[] = "__xen_guest";
    struct elf_section names, section;

    if (!read_section(reader, reader->header.shstrndx, &names))
        return;
    for (unsigned int i = 0; read_section(reader, i, &section); i++)
        if (section.name < names.size && names.size - section.name >= sizeof(wanted) &&
            within(reader, names.offset, names.size) &&
            !memcmp(reader->data + names.offset + section.name, wanted, sizeof(wanted))) {
            read_guest_string(reader, section.offset, section.size);
            return;
        }
}

/* Where the notes say the kernel lies; that it fits there with all that follows it is layout.c's.
 */
static int check_addresses(struct reader *reader)
{
    struct kernel_elf *elf = reader->elf;

    if (elf->virt_base & 4095 || elf->paddr_offset & 4095)
        return elf_error(reader, "its VIRT_BASE or PADDR_OFFSET note is not a page's address",
                         "use another kernel");
    if (elf->start < elf->paddr_offset)
        return elf_error(reader, "corrupt: loads below its own base", "use another kernel");
    uint64_t low = elf->virt_base + elf->start - elf->paddr_offset;
    uint64_t high = elf->virt_base + elf->end - elf->paddr_offset;

    if (low < elf->virt_base || high < low || elf->entry < low || elf->entry >= high)
        return elf_error(reader, "corrupt: its entry point is outside it", "use another kernel");
    if (elf->has_hypercall_page &&
        (elf->hypercall_page < low || elf->hypercall_page >= high || elf->hypercall_page & 4095))
        return elf_error(reader, "corrupt: its hypercall page is outside it", "use another kernel");
    if (elf->has_init_p2m && elf->init_p2m & ((1ULL << 39) - 1))
        return elf_error(reader, "its INIT_P2M note is not usable", "use another kernel");
    return 0;
}

static int check_notes(struct reader *reader)
{
    struct kernel_elf *elf = reader->elf;

    if (reader->notes > NOTES_MAX)
        return elf_error(reader, "too many notes", "use another kernel");
    if (!reader->xen_notes)
        return elf_error(reader, "not a Xen PV kernel: it has no Xen notes",
                         "build it with CONFIG_XEN_PV");
    if (reader->xen_version[0] && strcmp(reader->xen_version, "xen-3.0") != 0)
        return elf_error(reader, "made for another Xen interface", "use one for xen-3.0");
    if (!reader->has_entry && reader->has_phys32_entry && !reader->xen_version[0])
        return elf_error(reader, "a PVH kernel: no PV entry point", "build it with CONFIG_XEN_PV");
    if (!reader->has_entry)
        elf->entry = reader->header.entry;
    if (!elf->segment_count)
        return elf_error(reader, "nothing to load in it", "is the file complete?");
    return check_addresses(reader);
}

int kernel_elf_parse(struct kernel_elf *elf, const char *file, const uint8_t *data, size_t size,
                     struct failure *failure)
{
    struct reader reader = {
        .elf = elf, .file = file, .data = data, .size = size, .failure = failure
    };

    memset(elf, 0, sizeof(*elf));
    int error = read_header(&reader);

    if (!error)
        error = read_programs(&reader);
    if (error)
        return error;
    if (!reader.xen_notes)
        read_note_sections(&reader);
    if (!reader.xen_notes)
        read_guest_section(&reader);
    return check_notes(&reader);
}

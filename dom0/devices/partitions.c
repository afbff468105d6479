/*
 * Partitions: GPT (UEFI specification, chapter 5) and, where there is none, the four primary
 * MBR entries.
 *
 * What the disk says is not believed: a guest that owns it wrote it.  Checksums must be right,
 * every entry must lie in the disk's usable part, no two may share a sector; a table that fails in
 * one entry is used in none.
 */
#include "devices/block-device.h"
#include "pv-kernel/frames.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gpt_header {
    char signature[8];
    uint32_t revision, header_size, header_crc, reserved;
    uint64_t this_lba, other_lba, first_usable, last_usable;
    uint8_t disk_guid[16];
    uint64_t entries_lba;
    uint32_t entry_count, entry_size, entries_crc;
} __attribute__((packed));

struct gpt_entry {
    uint8_t type[16], guid[16];
    uint64_t first_lba, last_lba, attributes;
    uint16_t name[36];
} __attribute__((packed));

struct mbr_entry {
    uint8_t status, chs_first[3], type, chs_last[3];
    uint32_t first_lba, sectors;
} __attribute__((packed));

#define MBR_TABLE     446
#define ENTRIES_MAX   128
#define ENTRIES_BYTES (ENTRIES_MAX * sizeof(struct gpt_entry)) /* 16 KiB */
#define ENTRIES_ORDER 2

static uint32_t crc32(const void *data, size_t n)
{
    const uint8_t *p = data;
    uint32_t crc = ~0U;

    while (n--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
    }
    return ~crc;
}

/* A disk being scanned: its own sectors are what tables count in. */
struct scan {
    struct block_device *disk;
    uint32_t unit;    /* a sector of its own in units of 512 bytes */
    uint64_t sectors; /* of its own */
    char *buffer;     /* a page, to read one of them */
};

static int read_sector(struct scan *scan, uint64_t lba)
{
    return block_device_read(scan->disk, lba * scan->unit, scan->buffer,
                             scan->disk->limits.sector_size);
}

/* A table that is not to be believed: says so, once a disk. */
static void refuse(const struct scan *scan, const char *why)
{
    printf("%s: partition table: %s: not used\n", scan->disk->name, why);
}

static void partition_describe(struct block_device *partition, const struct block_device *disk,
                               unsigned int number)
{
    size_t length = strlen(disk->name);

    snprintf(partition->name, sizeof(partition->name), "%.8s%s%u", disk->name,
             disk->name[length - 1] >= '0' && disk->name[length - 1] <= '9' ? "p" : "",
             number % 1000);
    partition->partition = number;
    partition->parent = (struct block_device *)(uintptr_t)disk;
    partition->limits = disk->limits;
    partition->read_only = disk->read_only;
}

/* first and count are in the disk's own sectors and lie within it. */
static int partition_add(struct scan *scan, unsigned int number, uint64_t first, uint64_t count,
                         struct block_device **result)
{
    struct block_device *partition = calloc(1, sizeof(*partition));
    int error;

    if (!partition)
        return -ENOMEM;
    partition_describe(partition, scan->disk, number);
    partition->first_sector = first * scan->unit;
    partition->sectors = count * scan->unit;
    error = block_device_register(partition);
    if (error)
        free(partition);
    *result = partition;
    return error;
}

static void uuid_text(const uint8_t *guid, char *text)
{
    /* The first three fields are little-endian numbers. */
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

    for (size_t i = 0; i < 16; i++)
        text += sprintf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                        guid[order[i]]);
}

/* Names come to the operator's terminal: what is no printable ASCII becomes a question mark. */
static void label_text(const uint16_t *name, char *text)
{
    for (int c = 0; c < 36 && name[c]; c++)
        *text++ = (char)(name[c] >= ' ' && name[c] < 127 ? name[c] : (unsigned int)'?');
}

static bool entry_is_used(const struct gpt_entry *entry)
{
    static const uint8_t unused[16];

    return memcmp(entry->type, unused, sizeof(unused)) != 0;
}

static struct gpt_entry entry_at(const char *entries, uint32_t index)
{
    struct gpt_entry entry;

    memcpy(&entry, entries + index * sizeof(entry), sizeof(entry));
    return entry;
}

/* All entries lie in the usable part of the disk, and none on another. */
static const char *gpt_entries_fault(const struct gpt_header *header, const char *entries)
{
    for (uint32_t i = 0; i < header->entry_count; i++) {
        struct gpt_entry a = entry_at(entries, i);

        if (!entry_is_used(&a))
            continue;
        if (a.first_lba < header->first_usable || a.last_lba > header->last_usable ||
            a.last_lba < a.first_lba)
            return "an entry leaves the disk's usable part";
        for (uint32_t j = 0; j < i; j++) {
            struct gpt_entry b = entry_at(entries, j);

            if (entry_is_used(&b) && a.first_lba <= b.last_lba && b.first_lba <= a.last_lba)
                return "entries overlap";
        }
    }
    return NULL;
}

static int gpt_entries_add(struct scan *scan, const struct gpt_header *header, const char *entries)
{
    int error = 0;

    for (uint32_t i = 0; i < header->entry_count && !error; i++) {
        struct gpt_entry entry = entry_at(entries, i);
        struct block_device *partition;
        uint16_t name[36];

        if (!entry_is_used(&entry))
            continue;
        error = partition_add(scan, i + 1, entry.first_lba, entry.last_lba - entry.first_lba + 1,
                              &partition);
        if (error)
            break;
        memcpy(name, entry.name, sizeof(name));
        label_text(name, partition->partition_name);
        uuid_text(entry.guid, partition->partition_uuid);
    }
    return error;
}

static uint64_t entries_sectors(const struct scan *scan, const struct gpt_header *header)
{
    uint32_t bytes = header->entry_count * (uint32_t)sizeof(struct gpt_entry);

    return (bytes + scan->disk->limits.sector_size - 1) / scan->disk->limits.sector_size;
}

/* NULL if header and disk agree; the header's checksum is right already. */
static const char *gpt_header_fault(const struct scan *scan, const struct gpt_header *header)
{
    if (header->entry_size != sizeof(struct gpt_entry) || !header->entry_count ||
        header->entry_count > ENTRIES_MAX)
        return "entries of an unknown kind";
    if (header->last_usable >= scan->sectors || header->entries_lba < 2 ||
        header->entries_lba >= scan->sectors ||
        entries_sectors(scan, header) > scan->sectors - header->entries_lba)
        return "it leaves the disk";
    if (header->first_usable < 2 ||
        (header->first_usable < header->entries_lba + entries_sectors(scan, header) &&
         header->last_usable >= header->entries_lba))
        return "its usable part holds the table itself";
    return NULL;
}

static bool gpt_header_whole(const struct scan *scan, struct gpt_header *header)
{
    uint32_t size;

    memcpy(header, scan->buffer, sizeof(*header));
    size = header->header_size;
    if (memcmp(header->signature, "EFI PART", 8) || size < sizeof(*header) ||
        size > BLOCK_SECTOR_SIZE)
        return false;
    memset(scan->buffer + offsetof(struct gpt_header, header_crc), 0, sizeof(uint32_t));
    return crc32(scan->buffer, size) == header->header_crc;
}

static int gpt_read_entries(struct scan *scan, const struct gpt_header *header, char *entries)
{
    const char *fault;
    int error = block_device_read(scan->disk, header->entries_lba * scan->unit, entries,
                                  entries_sectors(scan, header) * scan->disk->limits.sector_size);

    if (error)
        return error;
    if (crc32(entries, header->entry_count * sizeof(struct gpt_entry)) != header->entries_crc) {
        refuse(scan, "the entries' checksum is wrong");
        return 0;
    }
    fault = gpt_entries_fault(header, entries);
    if (!fault)
        return gpt_entries_add(scan, header, entries);
    refuse(scan, fault);
    return 0;
}

/* *found: the disk has such a table, be it good or bad. */
static int gpt_scan(struct scan *scan, bool *found)
{
    struct gpt_header header;
    const char *fault;
    char *entries;
    int error = read_sector(scan, 1);

    *found = !error && gpt_header_whole(scan, &header);
    if (!*found)
        return error;
    fault = gpt_header_fault(scan, &header);
    if (fault) {
        refuse(scan, fault);
        return 0;
    }
    entries = frames_alloc(ENTRIES_ORDER);
    if (!entries)
        return -ENOMEM;
    error = gpt_read_entries(scan, &header, entries);
    frames_free(entries, ENTRIES_ORDER);
    return error;
}

static struct mbr_entry mbr_entry_at(const struct scan *scan, unsigned int index)
{
    struct mbr_entry entry;

    memcpy(&entry, scan->buffer + MBR_TABLE + index * sizeof(entry), sizeof(entry));
    return entry;
}

static bool mbr_entry_is_used(const struct mbr_entry *entry)
{
    return entry->type && entry->type != 0xee && !(entry->status & 0x7f) && entry->sectors;
}

static const char *mbr_fault(const struct scan *scan)
{
    for (unsigned int i = 0; i < 4; i++) {
        struct mbr_entry a = mbr_entry_at(scan, i);

        if (!mbr_entry_is_used(&a))
            continue;
        if (!a.first_lba || a.first_lba >= scan->sectors || a.sectors > scan->sectors - a.first_lba)
            return "an entry leaves the disk";
        for (unsigned int j = 0; j < i; j++) {
            struct mbr_entry b = mbr_entry_at(scan, j);

            if (mbr_entry_is_used(&b) && a.first_lba < (uint64_t)b.first_lba + b.sectors &&
                b.first_lba < (uint64_t)a.first_lba + a.sectors)
                return "entries overlap";
        }
    }
    return NULL;
}

static int mbr_scan(struct scan *scan)
{
    int error = read_sector(scan, 0);
    const char *fault;

    if (error || (uint8_t)scan->buffer[510] != 0x55 || (uint8_t)scan->buffer[511] != 0xaa)
        return error;
    fault = mbr_fault(scan);
    if (fault) {
        refuse(scan, fault);
        return 0;
    }
    for (unsigned int i = 0; i < 4 && !error; i++) {
        struct mbr_entry entry = mbr_entry_at(scan, i);
        struct block_device *partition;

        if (mbr_entry_is_used(&entry))
            error = partition_add(scan, i + 1, entry.first_lba, entry.sectors, &partition);
    }
    return error;
}

int partitions_scan(struct block_device *disk)
{
    struct scan scan = { .disk = disk, .unit = disk->limits.sector_size / BLOCK_SECTOR_SIZE };
    bool found = false;
    int error;

    scan.sectors = disk->sectors / scan.unit;
    scan.buffer = frames_alloc(0);
    if (!scan.buffer)
        return -ENOMEM;
    error = scan.sectors > 6 ? gpt_scan(&scan, &found) : 0;
    if (!error && !found && scan.sectors)
        error = mbr_scan(&scan);
    frames_free(scan.buffer, 0);
    return error;
}

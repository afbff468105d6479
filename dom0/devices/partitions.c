/*
 * Partitions: GPT (UEFI specification, chapter 5) and, where there is none, the four primary
 * MBR entries.  What the disk says is checked: a partition must lie inside the disk, and the
 * GPT's checksums must be right.
 */
#include "devices/block-device.h"
#include "pv-kernel/frames.h"
#include <errno.h>
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

static struct block_device *partition_add(struct block_device *disk, unsigned int number,
                                          uint64_t first, uint64_t sectors)
{
    struct block_device *partition;
    size_t length = strlen(disk->name);

    if (!sectors || first >= disk->sectors || sectors > disk->sectors - first)
        return NULL;
    partition = calloc(1, sizeof(*partition));
    if (!partition)
        return NULL;
    snprintf(partition->name, sizeof(partition->name), "%.8s%s%u", disk->name,
             disk->name[length - 1] >= '0' && disk->name[length - 1] <= '9' ? "p" : "",
             number % 1000);
    partition->sectors = sectors;
    partition->first_sector = first;
    partition->parent = disk;
    partition->sector_size = disk->sector_size;
    partition->read_only = disk->read_only;
    partition->has_flush = disk->has_flush;
    if (block_device_register(partition)) {
        free(partition);
        return NULL;
    }
    return partition;
}

static void gpt_entries_add(struct block_device *disk, const struct gpt_header *header,
                            const char *entries)
{
    static const uint8_t unused[16];

    for (uint32_t i = 0; i < header->entry_count; i++) {
        struct gpt_entry entry;
        struct block_device *partition;

        memcpy(&entry, entries + (size_t)i * header->entry_size, sizeof(entry));
        if (!memcmp(entry.type, unused, sizeof(unused)) || entry.last_lba < entry.first_lba)
            continue;
        partition =
            partition_add(disk, i + 1, entry.first_lba, entry.last_lba - entry.first_lba + 1);
        for (int c = 0; partition && c < 36; c++)
            partition->partition_name[c] =
                (char)(entry.name[c] < 128 ? entry.name[c] : (unsigned int)'?');
    }
}

static bool gpt_header_valid(struct gpt_header *header)
{
    uint32_t crc = header->header_crc;
    bool good;

    if (memcmp(header->signature, "EFI PART", 8) || header->header_size < sizeof(*header) ||
        header->header_size > BLOCK_SECTOR_SIZE)
        return false;
    header->header_crc = 0;
    good = crc32(header, header->header_size) == crc;
    header->header_crc = crc;
    return good && header->entry_size == sizeof(struct gpt_entry) && header->entry_count &&
           header->entry_count <= ENTRIES_MAX;
}

static int gpt_scan(struct block_device *disk, char *sector)
{
    struct gpt_header *header = (struct gpt_header *)sector;
    char *entries;
    int error = block_device_read(disk, 1, sector, BLOCK_SECTOR_SIZE);

    if (error)
        return error;
    if (!gpt_header_valid(header))
        return -ENOENT;
    entries = frames_alloc(ENTRIES_ORDER);
    if (!entries)
        return -ENOMEM;
    error = block_device_read(disk, header->entries_lba, entries, ENTRIES_BYTES);
    if (!error &&
        crc32(entries, header->entry_count * sizeof(struct gpt_entry)) != header->entries_crc)
        error = -ENOENT;
    if (!error)
        gpt_entries_add(disk, header, entries);
    frames_free(entries, ENTRIES_ORDER);
    return error;
}

static int mbr_scan(struct block_device *disk, char *sector)
{
    int error = block_device_read(disk, 0, sector, BLOCK_SECTOR_SIZE);

    if (error || (uint8_t)sector[510] != 0x55 || (uint8_t)sector[511] != 0xaa)
        return error;
    for (unsigned int i = 0; i < 4; i++) {
        struct mbr_entry entry;

        memcpy(&entry, sector + MBR_TABLE + i * sizeof(entry), sizeof(entry));
        if (entry.type && entry.type != 0xee && !(entry.status & 0x7f))
            partition_add(disk, i + 1, entry.first_lba, entry.sectors);
    }
    return 0;
}

int partitions_scan(struct block_device *disk)
{
    char *sector = frames_alloc(0);
    int error;

    if (!sector)
        return -ENOMEM;
    error = disk->sectors > 34 ? gpt_scan(disk, sector) : -ENOENT;
    if (error == -ENOENT)
        error = mbr_scan(disk, sector);
    frames_free(sector, 0);
    return error;
}

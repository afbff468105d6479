/*
 * Fuzzer: any bytes as a disk's first sectors, with the checksums of a partition table made right
 * or left as they are.  What is registered lies within the disk, and no two share a sector.
 *
 * Sources: dom0/devices/partitions.c
 * Libraries: -lz
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "devices/block-device.h"
#include "pv-kernel/frames.h"

#define BYTES   (64u << 10)
#define SECTORS (BYTES / 512)
#define FOUND   256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t image[BYTES];
static struct block_device *found[FOUND];
static unsigned int found_count;

void *frames_alloc(unsigned int order)
{
    return calloc(1, 4096u << order);
}

void frames_free(void *va, unsigned int order)
{
    (void)order;
    free(va);
}

int block_device_read(struct block_device *disk, uint64_t sector, void *buffer, size_t bytes)
{
    if (sector >= SECTORS || bytes / 512 > SECTORS - sector ||
        sector % (disk->limits.sector_size / 512))
        return -EINVAL;
    memcpy(buffer, image + sector * 512, bytes);
    return 0;
}

int block_device_register(struct block_device *partition)
{
    if (partition->first_sector >= SECTORS ||
        partition->sectors > SECTORS - partition->first_sector || !partition->sectors)
        abort();
    for (unsigned int i = 0; i < found_count; i++)
        if (found[i]->first_sector < partition->first_sector + partition->sectors &&
            partition->first_sector < found[i]->first_sector + found[i]->sectors)
            abort();
    if (found_count == FOUND)
        abort();
    found[found_count++] = partition;
    return 0;
}

static void sign(uint32_t unit)
{
    uint8_t *header = image + unit;
    uint64_t entries;
    uint32_t count, crc;

    memcpy(header, "EFI PART", 8);
    memcpy(&entries, header + 72, 8);
    memcpy(&count, header + 80, 4);
    if (entries < BYTES / unit && count <= 128 && entries * unit + count * 128 <= BYTES) {
        crc = (uint32_t)crc32(0, image + entries * unit, count * 128);
        memcpy(header + 88, &crc, 4);
    }
    crc = 92;
    memcpy(header + 12, &crc, 4);
    memset(header + 16, 0, 4);
    crc = (uint32_t)crc32(0, header, 92);
    memcpy(header + 16, &crc, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct block_device disk = { .name = "vda",
                                 .sectors = SECTORS,
                                 .limits = { .sector_size = 512 } };

    if (!size)
        return 0;
    if (data[0] & 1)
        disk.limits.sector_size = 4096;
    memset(image, 0, sizeof(image));
    memcpy(image, data + 1, size - 1 < BYTES ? size - 1 : BYTES);
    if (data[0] & 2)
        sign(disk.limits.sector_size);
    found_count = 0;
    partitions_scan(&disk);
    for (unsigned int i = 0; i < found_count; i++)
        free(found[i]);
    return 0;
}

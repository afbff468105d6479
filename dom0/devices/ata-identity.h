/*
 * What an ATA disk says of itself: the answer to IDENTIFY DEVICE (ACS-3, 7.12).
 */
#ifndef DEVICES_ATA_IDENTITY_H
#define DEVICES_ATA_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#define ATA_IDENTITY_BYTES 512u

struct ata_identity {
    char model[41], serial[21]; /* as udev would write them */
    uint64_t sectors;           /* of sector_size */
    uint32_t sector_size;       /* bytes: a power of two, 512 to 4096 */
    uint32_t physical_sector_size;
    unsigned int queued; /* commands at once, 1 to 32; 0: it knows no queue */
    bool write_cache;    /* what it has written may be lost, until it is told to flush */
    bool fua;
    bool trim;
};

/*
 * From the 512 bytes of an answer.  -ENODEV: it is no disk; -EIO: the answer's checksum is wrong;
 * -EOPNOTSUPP: it has no 48-bit addresses, or its sectors are none that can be.
 */
int ata_identity_read(const void *answer, struct ata_identity *identity);

#endif

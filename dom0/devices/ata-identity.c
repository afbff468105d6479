/*
 * IDENTIFY DEVICE: words in, what is of use to us out.  See ata-identity.h.
 */
#include "devices/ata-identity.h"
#include "devices/disk-names.h"
#include <errno.h>
#include <string.h>

#define WORDS (ATA_IDENTITY_BYTES / 2)

/* ACS-3, table 45. */
enum {
    GENERAL = 0, /* bit 15: not an ATA device */
    SERIAL = 10,
    MODEL = 27,
    QUEUE_DEPTH = 75,
    SATA_CAPABILITIES = 76, /* bit 8: NCQ */
    COMMANDS_83 = 83,       /* bit 10: 48-bit addresses */
    COMMANDS_84 = 84,       /* bit 6: WRITE DMA FUA EXT */
    ENABLED_85 = 85,        /* bit 5: the write cache */
    SECTORS = 100,          /* four words */
    SECTOR_SIZES = 106,
    SECTOR_WORDS = 117,   /* two words */
    SET_MANAGEMENT = 169, /* bit 0: TRIM */
    INTEGRITY = 255
};

#define SERIAL_BYTES 20u
#define MODEL_BYTES  40u
#define EXPONENT_MAX 8u /* of physical sectors: 1 MiB of those with 4096 bytes */

static bool bit(const uint16_t *words, unsigned int word, unsigned int bit)
{
    return words[word] >> bit & 1;
}

/* A word whose bits 15:14 are 01 says something. */
static bool is_valid(uint16_t word)
{
    return word >> 14 == 1;
}

/* Strings have their first letter in the high byte. */
static void text(const uint16_t *words, unsigned int first, size_t bytes, char *name)
{
    char letters[MODEL_BYTES];

    for (size_t i = 0; i < bytes; i++)
        letters[i] = (char)(words[first + i / 2] >> (i % 2 ? 0 : 8));
    disk_name_text(name, bytes + 1, letters, bytes);
}

/* All bytes together are 0, if the low one of the last word says that they are to be. */
static bool is_whole(const uint16_t *words)
{
    uint8_t sum = 0;

    if ((words[INTEGRITY] & 0xff) != 0xa5)
        return true;
    for (unsigned int i = 0; i < WORDS; i++)
        sum = (uint8_t)(sum + words[i] + (words[i] >> 8));
    return !sum;
}

/* False: none that can be. */
static bool sizes_read(const uint16_t *words, struct ata_identity *identity)
{
    uint16_t sizes = is_valid(words[SECTOR_SIZES]) ? words[SECTOR_SIZES] : 0;
    uint64_t size = 512;
    unsigned int exponent = sizes & 1u << 13 ? sizes & 15u : 0;

    if (sizes & 1u << 12)
        size = 2 * (words[SECTOR_WORDS] | (uint64_t)words[SECTOR_WORDS + 1] << 16);
    if (size < 512 || size > 4096 || size & (size - 1))
        return false;
    identity->sector_size = (uint32_t)size;
    identity->physical_sector_size = (uint32_t)size << (exponent <= EXPONENT_MAX ? exponent : 0);
    for (unsigned int i = 0; i < 3; i++) /* addresses have 48 bits */
        identity->sectors |= (uint64_t)words[SECTORS + i] << (16 * i);
    return identity->sectors;
}

static unsigned int queue_read(const uint16_t *words)
{
    uint16_t sata = words[SATA_CAPABILITIES];

    if (!sata || sata == 0xffff || !(sata & 1u << 8))
        return 0;
    return (words[QUEUE_DEPTH] & 31u) + 1;
}

int ata_identity_read(const void *answer, struct ata_identity *identity)
{
    uint16_t words[WORDS];

    memcpy(words, answer, sizeof(words));
    *identity =
        (struct ata_identity){ .queued = queue_read(words),
                               .write_cache = bit(words, ENABLED_85, 5),
                               .fua = is_valid(words[COMMANDS_84]) && bit(words, COMMANDS_84, 6),
                               .trim = bit(words, SET_MANAGEMENT, 0) };
    if (bit(words, GENERAL, 15))
        return -ENODEV;
    if (!is_whole(words))
        return -EIO;
    text(words, MODEL, MODEL_BYTES, identity->model);
    text(words, SERIAL, SERIAL_BYTES, identity->serial);
    if (!is_valid(words[COMMANDS_83]) || !bit(words, COMMANDS_83, 10) ||
        !sizes_read(words, identity))
        return -EOPNOTSUPP;
    return 0;
}

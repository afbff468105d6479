/*
 * What SCSI disks answer, taken apart.  See scsi.h.
 */
#include "devices/disk-names.h"
#include "devices/scsi.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BLOCKS_MAX   (1ULL << 54) /* of which 512-byte sectors can be counted with room */
#define EXPONENT_MAX 8u
#define BARE_MAX     0x400000u /* blocks of a command without data: none may take for ever */
#define SAME_DEFAULT 0xffffu   /* where the disk names no limit */
#define TEXT_BYTES   128u

static uint64_t get(const uint8_t *at, unsigned int bytes)
{
    uint64_t value = 0;

    for (unsigned int i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/* SPC-4, 6.6.2 */
bool scsi_read_inquiry(const uint8_t *answer, struct scsi_identity *identity)
{
    char text[26];

    if (answer[0]) /* another type of device, or nothing there */
        return false;
    memcpy(identity->vendor, answer + 8, 8);
    memcpy(identity->product, answer + 16, 16);
    snprintf(text, sizeof(text), "%s %s", identity->vendor, identity->product);
    disk_name_text(identity->model, sizeof(identity->model), text, sizeof(text));
    return true;
}

/* SBC-3, 5.16.2 */
int scsi_read_capacity(const uint8_t *answer, struct scsi_identity *identity)
{
    uint64_t last = get(answer, 8), size = get(answer + 8, 4);
    unsigned int exponent = answer[13] & 15u;

    if (last >= BLOCKS_MAX || size < 512 || size > 4096 || size & (size - 1))
        return -EINVAL;
    identity->blocks = last + 1;
    identity->block_size = (uint32_t)size;
    identity->physical_block_size = (uint32_t)size << (exponent <= EXPONENT_MAX ? exponent : 0);
    identity->thin = answer[14] & 0x80;
    return 0;
}

/* SPC-4, 7.5.5: header, block descriptors if it has them all the same, page (SBC-3, 6.4.5). */
void scsi_read_caching(const uint8_t *answer, struct scsi_identity *identity)
{
    uint64_t at = 8 + get(answer + 6, 2);

    identity->read_only = answer[3] & 0x80;
    if (at + 3 > SCSI_ANSWER || (answer[at] & 0x3f) != 8)
        return;
    identity->write_cache = answer[at + 2] & 4;
    identity->fua = identity->write_cache && answer[3] & 0x10;
}

static void id_make(struct scsi_identity *identity, char kind, bool names_disk, const char *rest)
{
    char text[TEXT_BYTES], clean[sizeof(identity->id) - 5];

    if (names_disk)
        snprintf(text, sizeof(text), "%c%-8s%-16s%s", kind, identity->vendor, identity->product,
                 rest);
    else
        snprintf(text, sizeof(text), "%c%s", kind, rest);
    disk_name_text(clean, sizeof(clean), text, sizeof(text));
    snprintf(identity->id, sizeof(identity->id), "scsi-%s", clean);
}

/* How good a name a descriptor has (SPC-4, 7.8.6), as udev's scsi_id ranks them; 0: none. */
static unsigned int rank(const uint8_t *descriptor)
{
    static const uint8_t ranks[16] = { [3] = 4, [2] = 3, [1] = 2, [0] = 1 };

    if (descriptor[1] & 0x30 || !descriptor[3])
        return 0; /* a port's or a target's */
    return ranks[descriptor[1] & 15u];
}

static void id_take(const uint8_t *descriptor, struct scsi_identity *identity)
{
    unsigned int kind = descriptor[1] & 15u;
    char rest[65] = { 0 };

    for (size_t i = 0; i < descriptor[3] && i < 32; i++)
        if ((descriptor[0] & 15u) == 1) /* binary */
            snprintf(rest + 2 * i, 3, "%02x", (unsigned int)descriptor[4 + i]);
        else
            rest[i] = (char)descriptor[4 + i];
    id_make(identity, (char)('0' + kind), !kind, rest);
}

static void ids_read(const uint8_t *answer, struct scsi_identity *identity)
{
    uint64_t end = 4 + get(answer + 2, 2);
    const uint8_t *best = NULL;

    if (end > SCSI_ANSWER)
        end = SCSI_ANSWER;
    for (uint64_t at = 4; at + 4 <= end && at + 4 + answer[at + 3] <= end;
         at += 4 + (uint64_t)answer[at + 3])
        if (rank(answer + at) > (best ? rank(best) : 0))
            best = answer + at;
    if (best)
        id_take(best, identity);
}

static void serial_read(const uint8_t *answer, struct scsi_identity *identity)
{
    char serial[65] = { 0 };
    uint64_t bytes = get(answer + 2, 2);

    memcpy(serial, answer + 4, bytes < 64 ? (size_t)bytes : 64);
    if (!identity->id[0] && serial[0]) /* the page of ids is better */
        id_make(identity, 'S', true, serial);
}

/* SBC-3, 6.6.4 */
static void limits_read(const uint8_t *answer, struct scsi_identity *identity)
{
    uint64_t unmap = get(answer + 24, 4) ? get(answer + 20, 4) : 0, same = get(answer + 36, 8);

    identity->transfer_blocks = (uint32_t)get(answer + 8, 4);
    identity->unmap_blocks = (uint32_t)(unmap < BARE_MAX ? unmap : BARE_MAX);
    identity->unmap_granularity = (uint32_t)get(answer + 28, 4);
    identity->same_blocks = (uint32_t)(same < BARE_MAX ? same : BARE_MAX);
}

/* SBC-3, 6.6.6, which is asked for after the limits. */
static void thin_read(const uint8_t *answer, struct scsi_identity *identity)
{
    identity->unmaps = answer[5] & 0x80;
    if (!identity->same_blocks && answer[5] & 0x40)
        identity->same_blocks = SAME_DEFAULT;
}

void scsi_read_page(const uint8_t *answer, struct scsi_identity *identity)
{
    switch (answer[1]) {
    case SCSI_PAGE_SERIAL:
        serial_read(answer, identity);
        break;
    case SCSI_PAGE_IDS:
        ids_read(answer, identity);
        break;
    case SCSI_PAGE_LIMITS:
        limits_read(answer, identity);
        break;
    case SCSI_PAGE_THIN:
        thin_read(answer, identity);
        break;
    }
}

static bool is_known(const uint16_t *luns, unsigned int count, uint16_t lun)
{
    for (unsigned int i = 0; i < count; i++)
        if (luns[i] == lun)
            return true;
    return false;
}

/* SPC-4, 6.33; addresses: SAM-5, 4.7. */
unsigned int scsi_read_luns(const uint8_t *answer, uint16_t *luns, unsigned int most)
{
    uint64_t end = 8 + get(answer, 4);
    unsigned int count = 0;

    if (end > SCSI_ANSWER)
        end = SCSI_ANSWER;
    for (uint64_t at = 8; at + 8 <= end && count < most; at += 8) {
        uint16_t lun = (uint16_t)get(answer + at, 2);
        bool flat = lun >> 14 == 1;

        if (get(answer + at + 2, 6) || (!flat && lun > 0xff))
            continue; /* of some deeper order */
        lun &= 0x3fff;
        if (!is_known(luns, count, lun))
            luns[count++] = lun;
    }
    return count;
}

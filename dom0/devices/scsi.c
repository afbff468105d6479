/*
 * SCSI commands and what their status means.  See scsi.h; the answers are taken apart in
 * scsi-answers.c.
 */
#include "devices/scsi.h"
#include <string.h>

/* Operation codes: SPC-4, annex E.3. */
enum {
    TEST_UNIT_READY = 0x00,
    INQUIRY = 0x12,
    SYNCHRONIZE_CACHE = 0x35,
    UNMAP = 0x42,
    MODE_SENSE = 0x5a,
    READ_16 = 0x88,
    WRITE_16 = 0x8a,
    WRITE_SAME_16 = 0x93,
    SERVICE_ACTION_IN_16 = 0x9e,
    REPORT_LUNS = 0xa0
};
#define SERVICE_CAPACITY 0x10
#define INQUIRY_PAGE     0x01
#define MODE_NO_BLOCKS   0x08
#define MODE_CACHING     0x08
#define FUA              0x08
#define INQUIRY_BYTES    96u
#define CAPACITY_BYTES   32u

/* SAM-5, 5.3.1 */
enum { GOOD = 0x00, CHECK = 0x02, BUSY = 0x08, QUEUE_FULL = 0x28, ABORTED = 0x40 };
/* SPC-4, table 43 */
enum {
    KEY_NONE = 0,
    KEY_RECOVERED = 1,
    KEY_NOT_READY = 2,
    KEY_ILLEGAL = 5,
    KEY_ATTENTION = 6,
    KEY_ABORTED = 11
};
#define BECOMING_READY 0x0401

static void put(uint8_t *at, unsigned int bytes, uint64_t value)
{
    while (bytes--) {
        at[bytes] = (uint8_t)value;
        value >>= 8;
    }
}

static void begin(uint8_t *cdb, uint8_t operation)
{
    memset(cdb, 0, SCSI_CDB_BYTES);
    cdb[0] = operation;
}

void scsi_cdb_ready(uint8_t *cdb)
{
    begin(cdb, TEST_UNIT_READY);
}

void scsi_cdb_inquiry(uint8_t *cdb)
{
    begin(cdb, INQUIRY);
    put(cdb + 3, 2, INQUIRY_BYTES);
}

void scsi_cdb_page(uint8_t *cdb, uint8_t page)
{
    begin(cdb, INQUIRY);
    cdb[1] = INQUIRY_PAGE;
    cdb[2] = page;
    put(cdb + 3, 2, SCSI_ANSWER);
}

void scsi_cdb_luns(uint8_t *cdb)
{
    begin(cdb, REPORT_LUNS);
    put(cdb + 6, 4, SCSI_ANSWER);
}

void scsi_cdb_capacity(uint8_t *cdb)
{
    begin(cdb, SERVICE_ACTION_IN_16);
    cdb[1] = SERVICE_CAPACITY;
    put(cdb + 10, 4, CAPACITY_BYTES);
}

void scsi_cdb_caching(uint8_t *cdb)
{
    begin(cdb, MODE_SENSE);
    cdb[1] = MODE_NO_BLOCKS;
    cdb[2] = MODE_CACHING;
    put(cdb + 7, 2, SCSI_ANSWER);
}

static void range(uint8_t *cdb, uint8_t operation, uint64_t block, uint32_t blocks)
{
    begin(cdb, operation);
    put(cdb + 2, 8, block);
    put(cdb + 10, 4, blocks);
}

void scsi_cdb_read(uint8_t *cdb, uint64_t block, uint32_t blocks)
{
    range(cdb, READ_16, block, blocks);
}

void scsi_cdb_write(uint8_t *cdb, uint64_t block, uint32_t blocks, bool fua)
{
    range(cdb, WRITE_16, block, blocks);
    cdb[1] = fua ? FUA : 0;
}

/* The one of 10 bytes, from block 0 to the end: all disks know it, which is not so of the one
 * of 16. */
void scsi_cdb_flush(uint8_t *cdb)
{
    begin(cdb, SYNCHRONIZE_CACHE);
}

void scsi_cdb_unmap(uint8_t *cdb, uint8_t *parameters, uint64_t block, uint32_t blocks)
{
    begin(cdb, UNMAP);
    put(cdb + 7, 2, SCSI_UNMAP);
    memset(parameters, 0, SCSI_UNMAP);
    put(parameters, 2, SCSI_UNMAP - 2);
    put(parameters + 2, 2, 16);
    put(parameters + 8, 8, block);
    put(parameters + 16, 4, blocks);
}

void scsi_cdb_same(uint8_t *cdb, uint64_t block, uint32_t blocks)
{
    range(cdb, WRITE_SAME_16, block, blocks);
}

/* SPC-4, 4.5: sense data has one of two formats. */
static enum scsi_verdict sense_verdict(const uint8_t *sense, size_t bytes)
{
    bool descriptors = bytes && (sense[0] & 0x7e) == 0x72;
    size_t code = descriptors ? 2 : 12;
    unsigned int key = 0xf;

    if (bytes > 2)
        key = sense[descriptors ? 1 : 2] & 0xfu;
    switch (key) {
    case KEY_NONE:
    case KEY_RECOVERED:
        return SCSI_GOOD;
    case KEY_ATTENTION:
    case KEY_ABORTED:
        return SCSI_AGAIN;
    case KEY_NOT_READY:
        return bytes > code + 1 && (sense[code] << 8 | sense[code + 1]) == BECOMING_READY
                   ? SCSI_LATER
                   : SCSI_FAILED;
    case KEY_ILLEGAL:
        return SCSI_ILLEGAL;
    default:
        return SCSI_FAILED;
    }
}

enum scsi_verdict scsi_verdict(uint8_t status, const uint8_t *sense, size_t bytes)
{
    switch (status) {
    case GOOD:
        return SCSI_GOOD;
    case CHECK:
        return sense_verdict(sense, bytes);
    case BUSY:
    case QUEUE_FULL:
        return SCSI_LATER;
    case ABORTED:
        return SCSI_AGAIN;
    default:
        return SCSI_FAILED;
    }
}

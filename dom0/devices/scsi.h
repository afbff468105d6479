/*
 * SCSI's words for disks: commands, and answers taken apart (SPC-4, SBC-3).  No transport.
 *
 * An answer is a buffer of SCSI_ANSWER bytes, zeroed before the device wrote to it; whatever is in
 * it is bounded by that.
 */
#ifndef DEVICES_SCSI_H
#define DEVICES_SCSI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCSI_ANSWER    4096u
#define SCSI_CDB_BYTES 16u
#define SCSI_UNMAP     24u /* bytes of UNMAP's parameters with one range */

enum {
    SCSI_PAGE_SERIAL = 0x80,
    SCSI_PAGE_IDS = 0x83,
    SCSI_PAGE_LIMITS = 0xb0,
    SCSI_PAGE_THIN = 0xb2
};

/* What a disk says of itself. */
struct scsi_identity {
    char vendor[9], product[17]; /* as they came, ended by a zero */
    char model[44];
    char id[80]; /* as udev's scsi_id has it, with "scsi-" before it; may be empty */
    uint64_t blocks;
    uint32_t block_size; /* bytes: a power of two, 512 to 4096 */
    uint32_t physical_block_size;
    uint32_t transfer_blocks; /* of one command; 0: not said */
    uint32_t unmap_blocks;    /* of one UNMAP */
    uint32_t unmap_granularity;
    uint32_t same_blocks; /* of WRITE SAME; 0: it cannot */
    bool thin, unmaps;    /* it gives blocks back at all, and by UNMAP */
    bool write_cache, fua, read_only;
};

/* What has become of a command. */
enum scsi_verdict {
    SCSI_GOOD,
    SCSI_AGAIN,   /* it is to be given again at once: something else was to be said */
    SCSI_LATER,   /* again, but not now */
    SCSI_ILLEGAL, /* the disk does not know it */
    SCSI_FAILED
};
enum scsi_verdict scsi_verdict(uint8_t status, const uint8_t *sense, size_t bytes);

/* Commands: `cdb` has SCSI_CDB_BYTES, `parameters` SCSI_UNMAP. */
void scsi_cdb_ready(uint8_t *cdb);
void scsi_cdb_inquiry(uint8_t *cdb);
void scsi_cdb_page(uint8_t *cdb, uint8_t page);
void scsi_cdb_luns(uint8_t *cdb);
void scsi_cdb_capacity(uint8_t *cdb);
void scsi_cdb_caching(uint8_t *cdb);
void scsi_cdb_read(uint8_t *cdb, uint64_t block, uint32_t blocks);
void scsi_cdb_write(uint8_t *cdb, uint64_t block, uint32_t blocks, bool fua);
void scsi_cdb_flush(uint8_t *cdb);
void scsi_cdb_unmap(uint8_t *cdb, uint8_t *parameters, uint64_t block, uint32_t blocks);
/* Its data is one block, which is written to all of them. */
void scsi_cdb_same(uint8_t *cdb, uint64_t block, uint32_t blocks);

/* Answers.  False: it is no disk. */
bool scsi_read_inquiry(const uint8_t *answer, struct scsi_identity *identity);
/* -EINVAL: no size that can be. */
int scsi_read_capacity(const uint8_t *answer, struct scsi_identity *identity);
void scsi_read_caching(const uint8_t *answer, struct scsi_identity *identity);
/* A page of vital product data, whichever it is. */
void scsi_read_page(const uint8_t *answer, struct scsi_identity *identity);
/* The numbers of logical units that can be addressed by 14 bits, each once; how many. */
unsigned int scsi_read_luns(const uint8_t *answer, uint16_t *luns, unsigned int most);

#endif

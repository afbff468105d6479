/*
 * AHCI's registers and what lies in memory (AHCI 1.3.1, chapters 3 and 4).
 */
#ifndef DEVICES_AHCI_REGISTERS_H
#define DEVICES_AHCI_REGISTERS_H

#include <stdint.h>

/* The controller's (3.1). */
enum {
    HBA_CAP = 0x00,
    HBA_GHC = 0x04,
    HBA_IS = 0x08,
    HBA_PI = 0x0c,
    HBA_CAP2 = 0x24,
    HBA_BOHC = 0x28
};
#define CAP_64BIT             (1u << 31)
#define CAP_NCQ               (1u << 30)
#define CAP_STAGGERED_SPIN_UP (1u << 27)
#define CAP_SLOTS(cap)        (((cap) >> 8 & 31u) + 1)
#define GHC_AHCI              (1u << 31)
#define GHC_INTERRUPTS        (1u << 1)
#define GHC_RESET             (1u << 0)
#define CAP2_HANDOFF          (1u << 0)
#define BOHC_BIOS_BUSY        (1u << 4)
#define BOHC_OS_OWNS          (1u << 1)
#define BOHC_BIOS_OWNS        (1u << 0)

/* A port's (3.3), from PORT_BASE + number * PORT_BYTES on. */
#define PORT_BASE  0x100u
#define PORT_BYTES 0x80u
enum {
    PX_CLB = 0x00,
    PX_CLBU = 0x04,
    PX_FB = 0x08,
    PX_FBU = 0x0c,
    PX_IS = 0x10,
    PX_IE = 0x14,
    PX_CMD = 0x18,
    PX_TFD = 0x20,
    PX_SIG = 0x24,
    PX_SSTS = 0x28,
    PX_SCTL = 0x2c,
    PX_SERR = 0x30,
    PX_SACT = 0x34,
    PX_CI = 0x38
};
#define IS_DEVICE_TO_HOST (1u << 0)
#define IS_SET_BITS       (1u << 3)
#define IS_CONNECTED      (1u << 6) /* these two follow bits of SERR_LINK */
#define IS_PHY_CHANGED    (1u << 22)
#define IS_LINK           (IS_CONNECTED | IS_PHY_CHANGED)
#define IS_ERRORS         (15u << 27 | 1u << 24) /* all that stop a port */
#define IS_WANTED         (IS_DEVICE_TO_HOST | IS_SET_BITS | IS_LINK | IS_ERRORS)
#define CMD_ACTIVE        (1u << 28)
#define CMD_LIST_RUNS     (1u << 15)
#define CMD_RECEIVES      (1u << 14)
#define CMD_RECEIVE       (1u << 4)
#define CMD_POWER_ON      (1u << 2)
#define CMD_SPIN_UP       (1u << 1)
#define CMD_START         (1u << 0)
#define TFD_BUSY          0x80u
#define TFD_FAULT         0x20u
#define TFD_DATA          0x08u
#define TFD_ERROR         0x01u
#define TFD_ABORTED       0x0400u /* ABRT in the error register */
#define SIGNATURE_DISK    0x00000101u
#define SIGNATURE_PORTS   0x96690101u /* a port multiplier */
#define SSTS_DETECTED(s)  ((s)&15u)
#define DETECTED_NONE     0u
#define DETECTED_WORKS    3u
#define SERR_LINK         (1u << 26 | 1u << 16)
#define SCTL_NO_SLEEP     0x300u /* the link stays awake */
#define SCTL_RESET        1u

/* In memory (4.2). */
struct ahci_header {
    uint32_t flags; /* bytes 4 of the command's FIS, write, entries of its table */
    uint32_t bytes_done;
    uint32_t table_low, table_high;
    uint32_t reserved[4];
};
#define HEADER_FIS_WORDS  5u
#define HEADER_WRITE      (1u << 6)
#define HEADER_ENTRIES(n) ((uint32_t)(n) << 16)

struct ahci_piece {
    uint32_t low, high, reserved;
    uint32_t last_byte; /* bits 21:0: bytes - 1 */
};

#define AHCI_PIECES 120u /* so that a table is half a page */

struct ahci_table {
    uint8_t fis[64];
    uint8_t atapi[64];
    struct ahci_piece pieces[AHCI_PIECES];
};
_Static_assert(sizeof(struct ahci_table) == 2048, "two in a page");

/* Of a DATA SET MANAGEMENT: first sector in bits 47:0, how many in 63:48 (ACS-3, 7.5). */
#define TRIM_RANGES  64u
#define TRIM_SECTORS 0xffffu

/* A port's page. */
struct ahci_memory {
    struct ahci_header list[32];
    uint8_t received[256];
    uint8_t unused[768];
    uint8_t identity[512];
    uint64_t ranges[TRIM_RANGES];
    uint8_t rest[1024];
};
_Static_assert(sizeof(struct ahci_memory) == 4096, "a page");

/* Commands (ACS-3, chapter 7). */
enum {
    ATA_DATA_SET_MANAGEMENT = 0x06,
    ATA_READ_DMA_EXT = 0x25,
    ATA_WRITE_DMA_EXT = 0x35,
    ATA_WRITE_DMA_FUA_EXT = 0x3d,
    ATA_READ_QUEUED = 0x60,
    ATA_WRITE_QUEUED = 0x61,
    ATA_FLUSH_CACHE_EXT = 0xea,
    ATA_IDENTIFY = 0xec
};

#endif

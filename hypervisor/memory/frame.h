/*
 * Frame numbers, and the record kept of every frame of memory.
 *
 * mfn: a frame of the machine.  pfn: a frame as a guest numbers its own memory.
 *
 * A frame in use has an owner and two counts:
 *   use   how many references of any kind exist; the owner's allocation is one of them, and the
 *         frame goes back to the heap when the last is dropped;
 *   type  what the frame is used as, and how often.  A frame is never two things at once: while
 *         somebody may write it (TYPE_WRITABLE) it cannot become a page table, and back.
 *
 * The type shares one 64-bit word with a stamp, the TLB clock at the moment its count last fell to
 * 0: who claims the next use sees both as one, so no put and claim of others can slip between.
 *
 * States of the type word, and who moves them (frame-references.c):
 *
 *   count 0           any type may be claimed; the old type is remembered for the TLB's sake
 *   claimed           count 1, not VALIDATED: the claimer flushes TLBs or checks a table's entries
 *   validated         count >= 1: others may claim the same type and add to the count
 */
#ifndef MEMORY_FRAME_H
#define MEMORY_FRAME_H

#include "address-map.h"
#include "lib/atomic.h"
#include "lib/types.h"

typedef struct {
    uint64_t n;
} mfn_t;

static inline mfn_t mfn(uint64_t n)
{
    return (mfn_t){ n };
}

#define MFN_NONE ((mfn_t){ UINT64_MAX })

static inline bool mfn_is_none(mfn_t m)
{
    return m.n == UINT64_MAX;
}

/* Indices of the frame table, so that links take four bytes. */
typedef uint32_t frame_link_t;
#define FRAME_LINK_NONE UINT32_MAX

struct frame {
    union {
        struct {
            uint32_t type;  /* TYPE_* */
            uint32_t stamp; /* low bits of the TLB clock (machine/tlb-clock.h) */
        };
        uint64_t type_word;
    };
    uint32_t use;            /* USE_* */
    frame_link_t next, prev; /* the owner's list, or the free list of the allocator */
    uint16_t owner;          /* index of the frame_owner; 0: the hypervisor or nobody */
    uint16_t order;          /* free: log2 of the block's size; or ORDER_NOT_RAM */
};

_Static_assert(sizeof(struct frame) == 24, "24 bytes for each 4096");

#define ORDER_NOT_RAM 0xffffU /* a hole in memory: device registers, or nothing */

#define USE_ALLOCATED (1U << 31) /* the owner's reference exists */
#define USE_SHARED    (1U << 30) /* belongs to the hypervisor, mappable by its owner */
#define USE_COUNT     0x3fffffffU

#define TYPE_NONE       (0U << 29)
#define TYPE_L1         (1U << 29)
#define TYPE_L2         (2U << 29)
#define TYPE_L3         (3U << 29)
#define TYPE_L4         (4U << 29)
#define TYPE_DESCRIPTOR (5U << 29) /* a frame of a GDT or LDT */
#define TYPE_WRITABLE   (6U << 29)
#define TYPE_MASK       (7U << 29)
#define TYPE_PINNED     (1U << 28) /* one of the counts is the guest's pin */
#define TYPE_VALIDATED  (1U << 27)
#define TYPE_SCRUB      (1U << 26) /* free frames: has to be cleared before anybody gets it */
#define TYPE_FOREIGN    (1U << 25) /* others than the owner may have it in their TLBs, writable */
#define TYPE_HELD       (1U << 24) /* another domain has an entry for it, writable, not by a grant */
#define TYPE_COUNT      0x00ffffffU

static inline uint32_t type_of_level(unsigned level)
{
    return level << 29;
}

static inline unsigned level_of_type(uint32_t type)
{
    unsigned t = type >> 29;

    return t >= 1 && t <= 4 ? t : 0;
}

#define frame_table ((struct frame *)FRAME_TABLE_VIRT)
/* One above the highest frame of RAM. */
extern uint64_t frame_limit;
/* Those that are RAM, the hypervisor's own too: there are holes below the limit. */
extern uint64_t frames_of_ram;

static inline struct frame *frame_of(mfn_t m)
{
    return &frame_table[m.n];
}

static inline mfn_t mfn_of(const struct frame *f)
{
    return mfn((uint64_t)(f - frame_table));
}

/* Whether the number names RAM that has a frame record. */
static inline bool mfn_is_ram(mfn_t m)
{
    return m.n < frame_limit && read_once(frame_of(m)->order) != ORDER_NOT_RAM;
}

/* The hypervisor's own view of a frame. */
static inline void *frame_virt(mfn_t m)
{
    return (void *)(DIRECT_VIRT + (m.n << PAGE_SHIFT));
}

static inline mfn_t virt_mfn(const void *p)
{
    return mfn(((uint64_t)p - DIRECT_VIRT) >> PAGE_SHIFT);
}

#endif

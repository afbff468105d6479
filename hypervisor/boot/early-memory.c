/*
 * First fit from the top of the memory map, as far as it is mapped: below 4 GiB at first, then all
 * of it.  Tables of all frames have memory where there is RAM; for holes, which are larger than the
 * RAM on many machines, one piece stands everywhere.
 */
#include "boot/early-memory.h"
#include "boot/boot-info.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "lib/string.h"
#include "memory/frame-allocator.h"
#include "memory/hypervisor-mappings.h"
#include "memory/machine-to-physical.h"

/* A run of pieces for each range of RAM; another each time page tables come between them, some 120
 * times for 5 TiB in as many ranges as there can be; and what is there before. */
#define MAX_RESERVED (MAX_E820 + 256)
#define LARGE_PAGE   0x200000UL
#define LOW_END      0xa0000UL
#define MIB          0x100000UL
#define DIRECT_BYTES ((uint64_t)DIRECT_VIRT_END - (uint64_t)DIRECT_VIRT)

extern const uint8_t image_start[], image_end[];
extern uint8_t boot_l4[];
extern uint64_t image_offset; /* start.S */

static struct {
    uint64_t start, end;
} reserved[MAX_RESERVED];
static unsigned reserved_count;
static uint64_t mapped_end;
uint64_t early_low_page;

/* Where something of the image is in the machine. */
static uint64_t image_physical(const void *at)
{
    return (uint64_t)at - IMAGE_VIRT + image_offset;
}

/* What is taken piece by piece, downwards, stays one range. */
static void reserve(uint64_t start, uint64_t end)
{
    start &= PAGE_MASK;
    end = round_up(end, PAGE_SIZE);
    for (unsigned i = 0; i < reserved_count; i++)
        if (reserved[i].start == end) {
            reserved[i].start = start;
            return;
        }
    BUG_ON(reserved_count == MAX_RESERVED);
    reserved[reserved_count].start = start;
    reserved[reserved_count++].end = end;
}

/* The end of a reserved range that overlaps, or 0; for going downwards: its start in *start. */
static bool overlaps(uint64_t start, uint64_t end, uint64_t *range_start, uint64_t *range_end)
{
    for (unsigned i = 0; i < reserved_count; i++)
        if (start < reserved[i].end && end > reserved[i].start) {
            *range_start = reserved[i].start;
            *range_end = reserved[i].end;
            return true;
        }
    return false;
}

static uint64_t allocate(uint64_t bytes, uint64_t align)
{
    uint64_t best = 0;

    bytes = round_up(bytes, PAGE_SIZE);
    for (unsigned i = 0; i < boot_info.e820_entries; i++) {
        const struct e820_entry *e = &boot_info.e820[i];
        uint64_t end = min(e->addr + e->size, mapped_end), start, rs, re;

        if (e->type != E820_RAM)
            continue;
        for (start = round_down(end - min(end, bytes), align);
             start >= e->addr && start >= 0x100000;
             start = round_down(rs - min(rs, bytes), align)) {
            if (!overlaps(start, start + bytes, &rs, &re)) {
                best = max(best, start);
                break;
            }
            if (rs < bytes)
                break;
        }
    }
    if (!best)
        boot_refuse("no room for %lu KiB of tables: the machine has too little memory",
                    bytes >> 10);
    reserve(best, best + bytes);
    return best;
}

static uint64_t ram_end(void)
{
    uint64_t end = 0;

    for (unsigned i = 0; i < boot_info.e820_entries; i++)
        if (boot_info.e820[i].type == E820_RAM)
            end = max(end, boot_info.e820[i].addr + boot_info.e820[i].size);
    return end;
}

/* RAM beyond the direct map's end is not used. */
static void leave_out_ram(void)
{
    uint64_t left_out = 0;

    for (unsigned i = 0; i < boot_info.e820_entries; i++) {
        struct e820_entry *e = &boot_info.e820[i];
        uint64_t room = e->addr < DIRECT_BYTES ? DIRECT_BYTES - e->addr : 0;

        if (e->type != E820_RAM || e->size <= room)
            continue;
        left_out += e->size - room;
        if (room)
            e->size = room;
        else
            e->type = E820_RESERVED;
    }
    if (left_out)
        log_warning("memory: %lu GiB beyond %lu GiB are left out", left_out >> 30,
                    DIRECT_BYTES >> 30);
}

/* RAM above 4 GiB joins the direct map. */
static void map_high_memory(void)
{
    for (unsigned i = 0; i < boot_info.e820_entries; i++) {
        const struct e820_entry *e = &boot_info.e820[i];
        uint64_t start = max(round_up(e->addr, PAGE_SIZE), 1UL << 32),
                 end = (e->addr + e->size) & PAGE_MASK;

        if (e->type == E820_RAM && end > start)
            mappings_add(DIRECT_VIRT + start, mfn(start >> PAGE_SHIFT), (end - start) >> PAGE_SHIFT,
                         MAP_RW);
    }
}

/* Early page-table frames come one by one; keep them together. */
static uint64_t pool_next, pool_end;

static mfn_t pool_frame(void)
{
    if (pool_next == pool_end) {
        pool_next = allocate(64 * PAGE_SIZE, PAGE_SIZE);
        pool_end = pool_next + 64 * PAGE_SIZE;
    }
    pool_next += PAGE_SIZE;
    return mfn((pool_next >> PAGE_SHIFT) - 1);
}

static bool has_ram(uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < boot_info.e820_entries; i++) {
        const struct e820_entry *e = &boot_info.e820[i];

        if (e->type == E820_RAM && e->addr < end && e->addr + e->size > start)
            return true;
    }
    return false;
}

/* One record a frame, all bits set at first; also_at: where guests see it, or 0. */
struct table {
    uint64_t virt, also_at;
    unsigned record_bytes;
};

static uint64_t piece_make(void)
{
    uint64_t at = allocate(LARGE_PAGE, LARGE_PAGE);

    memset(frame_virt(mfn(at >> PAGE_SHIFT)), 0xff, LARGE_PAGE);
    return at;
}

static void table_make(const struct table *t)
{
    uint64_t size = round_up(frame_limit * t->record_bytes, LARGE_PAGE), hole = 0;

    for (uint64_t at = 0; at < size; at += LARGE_PAGE) {
        /* A record may lie across two pieces. */
        uint64_t first = at / t->record_bytes, end = (at + LARGE_PAGE - 1) / t->record_bytes + 1;
        bool ram = has_ram(first << PAGE_SHIFT, end << PAGE_SHIFT);
        uint64_t piece;

        if (!ram && !hole)
            hole = piece_make();
        piece = ram ? piece_make() : hole;
        mappings_add(t->virt + at, mfn(piece >> PAGE_SHIFT), LARGE_PAGE >> PAGE_SHIFT,
                     ram ? MAP_RW : MAP_RO);
        if (t->also_at)
            mappings_add(t->also_at + at, mfn(piece >> PAGE_SHIFT), LARGE_PAGE >> PAGE_SHIFT,
                         (MAP_RO & ~PTE_G) | PTE_US);
    }
}

static void add_free(uint64_t start, uint64_t end)
{
    uint64_t rs, re;

    while (start < end) {
        uint64_t stop = end;

        if (overlaps(start, start + PAGE_SIZE, &rs, &re)) {
            start = re;
            continue;
        }
        for (unsigned i = 0; i < reserved_count; i++)
            if (reserved[i].start > start && reserved[i].start < stop)
                stop = reserved[i].start;
        frames_add(mfn(start >> PAGE_SHIFT), (stop - start) >> PAGE_SHIFT, true);
        start = stop;
    }
}

static void each_ram_range(void (*fn)(uint64_t start, uint64_t end))
{
    for (unsigned i = 0; i < boot_info.e820_entries; i++) {
        const struct e820_entry *e = &boot_info.e820[i];
        uint64_t start = round_up(e->addr, PAGE_SIZE), end = (e->addr + e->size) & PAGE_MASK;

        if (e->type == E820_RAM && end > start)
            fn(start, end);
    }
}

static void mark_ram(uint64_t start, uint64_t end)
{
    /* The first MiB is the firmware's: to the control domain it is a device, as with Xen. */
    for (uint64_t m = max(start, MIB) >> PAGE_SHIFT; m < end >> PAGE_SHIFT; m++)
        frame_table[m] = (struct frame){ 0 };
    frames_of_ram += (end >> PAGE_SHIFT) - (start >> PAGE_SHIFT);
}

/* All of it is RAM, and nobody says otherwise: maps contradict themselves now and then. */
static bool is_ram(uint64_t start, uint64_t end)
{
    bool ram = false;

    for (unsigned i = 0; i < boot_info.e820_entries; i++) {
        const struct e820_entry *e = &boot_info.e820[i];

        if (e->type != E820_RAM && e->addr < end && e->addr + e->size > start)
            return false;
        ram |= e->type == E820_RAM && e->addr <= start && e->addr + e->size >= end;
    }
    return ram;
}

/* From the top: what is lowest firmware takes for its own, whatever it says. */
static uint64_t low_page_find(void)
{
    uint64_t start, end;

    for (uint64_t page = LOW_END - PAGE_SIZE; page; page -= PAGE_SIZE)
        if (is_ram(page, page + PAGE_SIZE) && !overlaps(page, page + PAGE_SIZE, &start, &end))
            return page;
    return 0;
}

void early_memory_init(void)
{
    static const struct table frames = { FRAME_TABLE_VIRT, 0, sizeof(struct frame) };
    static const struct table machine_to_physical = { M2P_VIRT, M2P_GUEST_VIRT, sizeof(uint64_t) };

    reserved_count = 0;
    mapped_end = 1UL << 32;
    mappings_init(mfn(image_physical(boot_l4) >> PAGE_SHIFT), pool_frame);
    reserve(image_physical(image_start), image_physical(image_end));
    reserve(boot_info.information_start, boot_info.information_end);
    for (unsigned i = 0; i < boot_info.modules; i++)
        reserve(boot_info.module[i].start, boot_info.module[i].end);
    early_low_page = low_page_find();
    reserve(0, MIB); /* the firmware's, and that page */
    leave_out_ram();
    frame_limit = ram_end() >> PAGE_SHIFT;
    map_high_memory();
    mapped_end = max(mapped_end, ram_end());
    table_make(&frames);
    table_make(&machine_to_physical);
    each_ram_range(mark_ram);
    each_ram_range(add_free);
    log_info("memory: %lu MiB free of %lu MiB", frames_free_count() >> 8, frames_of_ram >> 8);
}

void early_memory_release(uint64_t start, uint64_t end)
{
    frames_add(mfn(round_up(start, PAGE_SIZE) >> PAGE_SHIFT),
               (end >> PAGE_SHIFT) - (round_up(start, PAGE_SIZE) >> PAGE_SHIFT), true);
}

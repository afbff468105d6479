/*
 * Page tables: completes the linear map at start and keeps the mapping area.
 *
 * A table is an ordinary frame of ours that the hypervisor checks when it is linked into a
 * higher one; it must then be mapped read-only everywhere.  So a new table is filled while it is
 * still a plain page, its own mapping is made read-only, and only then is it linked.  Changes
 * after that go through mmu_update, in batches.
 */
#include "pv-kernel/page-tables.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/string.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/errno.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/memory.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/version.h"

#define ENTRIES        512UL
#define FRAME_MASK     0x000ffffffffff000ULL
#define PTE_TABLE      (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)
#define AREA_START     0x10000000000UL /* 1 TiB: far above any linear map */
#define AREA_PAGES     (1UL << 20)     /* 4 GiB of addresses */
#define UPDATES_A_CALL 128

static const uint64_t *machine_to_pfn;          /* NULL: frames have the same number in tables */
static uint64_t area_used[AREA_PAGES / 64];     /* a bit per page */
static uint64_t *area_l1[AREA_PAGES / ENTRIES]; /* addresses of the area's L1 tables */
static uint64_t area_next;

/*
 * While frames.c is not up: free frames that are mapped already, below and above an initrd that
 * the builder left unmapped.  Each range's `end` grows as the linear map does.
 */
static struct frame_range early[2];
static bool early_on;

static unsigned int level_index(uint64_t va, unsigned int level)
{
    return va >> (PAGE_SHIFT + 9 * (level - 1)) & (ENTRIES - 1);
}

static uint64_t *table_of_entry(uint64_t entry)
{
    uint64_t frame = (entry & FRAME_MASK) >> PAGE_SHIFT;

    return (uint64_t *)((machine_to_pfn ? machine_to_pfn[frame] : frame) << PAGE_SHIFT);
}

/* The table of `level` that translates va, or NULL where an upper entry is missing. */
static uint64_t *table_walk(uint64_t va, unsigned int level)
{
    uint64_t *table = (uint64_t *)start_info->pt_base;

    for (unsigned int at = 4; at > level; at--) {
        uint64_t entry = table[level_index(va, at)];

        if (!(entry & PTE_PRESENT))
            return NULL;
        table = table_of_entry(entry);
    }
    return table;
}

static int entry_set(uint64_t *entry, uint64_t value)
{
    struct mmu_update update = { .ptr = frames_virt_to_machine(entry), .val = value };

    return (int)hypercall_mmu_update(HYPERCALL_ARG(&update), 1, 0, DOMID_SELF);
}

int page_tables_protect(void *va, bool writable)
{
    uint64_t flags = writable ? PTE_KERNEL : PTE_KERNEL & ~PTE_WRITE;

    return (int)hypercall_update_va_mapping(
        HYPERCALL_ARG(va), frames_virt_to_mfn(va) << PAGE_SHIFT | flags, UVMF_INVLPG);
}

static uint64_t *table_alloc(void)
{
    struct frame_range *range = early[0].first < early[0].end ? &early[0] : &early[1];

    if (!early_on)
        return frames_alloc(0);
    if (range->first >= range->end)
        kernel_panic("no mapped frame is left for page tables");
    return memset((void *)(range->first++ << PAGE_SHIFT), 0, PAGE_SIZE);
}

/* Links `table` (filled) as the next lower one below level `level` at va. */
static int table_link(uint64_t va, unsigned int level, uint64_t *table)
{
    uint64_t *upper = table_walk(va, level);
    int error = page_tables_protect(table, false);

    if (error)
        return error;
    return entry_set(&upper[level_index(va, level)],
                     frames_virt_to_mfn(table) << PAGE_SHIFT | PTE_TABLE);
}

/* Makes the tables above the L1 of va exist. */
static int upper_tables_make(uint64_t va)
{
    for (unsigned int level = 4; level > 2; level--) {
        uint64_t *table;
        int error;

        if (table_walk(va, level - 1))
            continue;
        table = table_alloc();
        if (!table)
            return -XEN_ENOMEM;
        error = table_link(va, level, table);
        if (error)
            return error;
    }
    return 0;
}

static uint64_t linear_entry(uint64_t pfn)
{
    return frames_pfn_to_mfn(pfn) << PAGE_SHIFT | PTE_KERNEL;
}

/* Completes an L1 table the domain builder left part filled. */
static void linear_fill_holes(uint64_t *table, uint64_t first_pfn)
{
    for (uint64_t i = 0; i < ENTRIES && first_pfn + i < start_info->nr_pages; i++)
        if (!(table[i] & PTE_PRESENT) && entry_set(&table[i], linear_entry(first_pfn + i)))
            kernel_panic("cannot map frame %lu", first_pfn + i);
}

/* Maps the 2 MiB of the linear map that begin with pfn. */
static void linear_map_region(uint64_t pfn)
{
    uint64_t va = pfn << PAGE_SHIFT;
    uint64_t *table = table_walk(va, 1);

    if (table) {
        linear_fill_holes(table, pfn);
        return;
    }
    if (upper_tables_make(va))
        kernel_panic("no upper page table for %lx", va);
    table = table_alloc();
    for (uint64_t i = 0; i < ENTRIES && pfn + i < start_info->nr_pages; i++)
        table[i] = linear_entry(pfn + i);
    if (table_link(va, 2, table))
        kernel_panic("no page table for %lx", va);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/*
 * Maps everything.  Tables come from frames mapped already, and the initrd may begin right behind
 * the builder's few megabytes: so first the part above it, whose own frames then serve, then the
 * rest upwards.
 */
static void linear_map_complete(const struct frame_range *initrd)
{
    uint64_t frames = start_info->nr_pages;

    for (uint64_t pfn = initrd->end & ~(ENTRIES - 1); pfn < frames; pfn += ENTRIES) {
        linear_map_region(pfn);
        early[1].end = least(pfn + ENTRIES, frames);
    }
    for (uint64_t pfn = 0; pfn < initrd->end; pfn += ENTRIES) {
        linear_map_region(pfn);
        if (pfn + ENTRIES > early[0].end)
            early[0].end = least(pfn + ENTRIES, initrd->first);
    }
}

static struct frame_range initrd_frames(void)
{
    struct frame_range initrd = { start_info->nr_pages, start_info->nr_pages };

    if (start_info->mod_len && (start_info->flags & SIF_MOD_START_PFN)) {
        initrd.first = start_info->mod_start;
        initrd.end = initrd.first + ((start_info->mod_len + PAGE_SIZE - 1) >> PAGE_SHIFT);
    }
    return initrd;
}

/* How far the builder's mapping reaches from frame `first` without a gap. */
static uint64_t builder_mapped_end(uint64_t first)
{
    uint64_t pfn = first;

    for (;; pfn++) {
        const uint64_t *table = table_walk(pfn << PAGE_SHIFT, 1);

        if (!table || !(table[level_index(pfn << PAGE_SHIFT, 1)] & PTE_PRESENT))
            return pfn;
    }
}

bool page_tables_translated(void)
{
    struct xen_feature_info features = { .submap_idx = 0 };

    return !hypercall_xen_version(XENVER_get_features, HYPERCALL_ARG(&features)) &&
           (features.submap & 1U << XENFEAT_auto_translated_physmap);
}

static const uint64_t *find_machine_to_pfn(void)
{
    struct xen_machphys_mapping mapping = { .v_start = MACH2PHYS_VIRT_START };

    if (page_tables_translated())
        return NULL; /* there is no such map */
    if (hypercall_memory_op(XENMEM_machphys_mapping, HYPERCALL_ARG(&mapping)))
        mapping.v_start = MACH2PHYS_VIRT_START;
    return (const uint64_t *)mapping.v_start;
}

void page_tables_start(struct frame_range free_frames[2])
{
    struct frame_range initrd = initrd_frames();

    machine_to_pfn = find_machine_to_pfn();
    early[0].first = (start_info->pt_base >> PAGE_SHIFT) + start_info->nr_pt_frames + 1;
    early[0].end = least(builder_mapped_end(early[0].first), initrd.first);
    early[1].first = early[1].end = initrd.end;
    early_on = true;
    linear_map_complete(&initrd);
    early_on = false;
    free_frames[0] = (struct frame_range){ early[0].first, initrd.first };
    free_frames[1] = (struct frame_range){ early[1].first, start_info->nr_pages };
    hypercall_update_va_mapping(0, 0, UVMF_INVLPG); /* a null pointer shall fault */
}

/* The mapping area. */

static bool area_range_free(uint64_t first, size_t n, uint64_t *blocked)
{
    for (uint64_t i = first; i < first + n; i++) {
        if (area_used[i / 64] & (1ULL << (i % 64))) {
            *blocked = i;
            return false;
        }
    }
    return true;
}

static void area_mark(uint64_t first, size_t n, bool used)
{
    for (uint64_t i = first; i < first + n; i++) {
        if (used)
            area_used[i / 64] |= 1ULL << (i % 64);
        else
            area_used[i / 64] &= ~(1ULL << (i % 64));
    }
}

static bool area_find(size_t n, uint64_t from, uint64_t to, uint64_t *first)
{
    uint64_t blocked;

    for (uint64_t at = from; at + n <= to; at = blocked + 1) {
        if (area_range_free(at, n, &blocked)) {
            *first = at;
            return true;
        }
    }
    return false;
}

static int area_tables_make(uint64_t first, size_t n)
{
    for (uint64_t t = first / ENTRIES; t <= (first + n - 1) / ENTRIES; t++) {
        uint64_t va = AREA_START + (t * ENTRIES << PAGE_SHIFT);
        uint64_t *table;
        int error;

        if (area_l1[t])
            continue;
        error = upper_tables_make(va);
        if (error)
            return error;
        table = table_alloc();
        if (!table)
            return -XEN_ENOMEM;
        error = table_link(va, 2, table);
        if (error)
            return error;
        area_l1[t] = table;
    }
    return 0;
}

static uint64_t area_page(const void *va)
{
    return ((uint64_t)va - AREA_START) >> PAGE_SHIFT;
}

void *mapping_area_reserve_bare(size_t n)
{
    uint64_t first;

    if (!n || n > AREA_PAGES)
        return NULL;
    if (!area_find(n, area_next, AREA_PAGES, &first) && !area_find(n, 0, AREA_PAGES, &first))
        return NULL;
    area_mark(first, n, true);
    area_next = first + n;
    return (void *)(AREA_START + (first << PAGE_SHIFT));
}

void *mapping_area_reserve(size_t n)
{
    void *va = mapping_area_reserve_bare(n);

    if (va && area_tables_make(area_page(va), n)) {
        mapping_area_release(va, n);
        return NULL;
    }
    return va;
}

void mapping_area_release(void *va, size_t n)
{
    uint64_t first = area_page(va);

    area_mark(first, n, false);
    if (first < area_next)
        area_next = first; /* lowest first: few page tables stay in use */
}

static uint64_t *area_entry(uint64_t va)
{
    uint64_t page = (va - AREA_START) >> PAGE_SHIFT;

    return &area_l1[page / ENTRIES][page % ENTRIES];
}

void *page_tables_mapped_frame(const void *va)
{
    return table_of_entry(*area_entry((uint64_t)va));
}

uint64_t page_tables_entry_address(const void *address)
{
    uint64_t va = (uint64_t)address;
    uint64_t *table;

    if (va >= AREA_START)
        return frames_virt_to_machine(area_entry(va));
    table = table_walk(va, 1);
    return table ? frames_virt_to_machine(&table[level_index(va, 1)]) : 0;
}

int page_tables_map(void *va, const uint64_t *mfns, size_t n, uint64_t flags, domid_t domid,
                    size_t *done)
{
    struct mmu_update updates[UPDATES_A_CALL];
    int no_tables = area_tables_make(area_page(va), n);

    *done = 0;
    if (no_tables)
        return no_tables;
    while (*done < n) {
        uint32_t count = 0, applied = 0;
        int64_t error;

        for (; count < UPDATES_A_CALL && *done + count < n; count++) {
            updates[count].ptr =
                frames_virt_to_machine(area_entry((uint64_t)va + ((*done + count) << PAGE_SHIFT)));
            updates[count].val = mfns[*done + count] << PAGE_SHIFT | flags;
        }
        error = hypercall_mmu_update(HYPERCALL_ARG(updates), count, HYPERCALL_ARG(&applied), domid);
        *done += applied;
        if (error)
            return (int)error;
    }
    return 0;
}

static void flush_all(void)
{
    struct mmuext_op op = { .cmd = MMUEXT_TLB_FLUSH_LOCAL };

    hypercall_mmuext_op(HYPERCALL_ARG(&op), 1, 0, DOMID_SELF);
}

int page_tables_unmap(void *va, size_t n)
{
    struct mmu_update updates[UPDATES_A_CALL];
    size_t done = 0;
    int64_t error = 0;

    if (n == 1)
        return (int)hypercall_update_va_mapping(HYPERCALL_ARG(va), 0, UVMF_INVLPG);
    while (done < n && !error) {
        uint32_t count = 0;

        for (; count < UPDATES_A_CALL && done + count < n; count++) {
            updates[count].ptr =
                frames_virt_to_machine(area_entry((uint64_t)va + ((done + count) << PAGE_SHIFT)));
            updates[count].val = 0;
        }
        error = hypercall_mmu_update(HYPERCALL_ARG(updates), count, 0, DOMID_SELF);
        done += count;
    }
    flush_all();
    return (int)error;
}

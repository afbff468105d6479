/* Growing the hypervisor's page tables. */
#include "memory/hypervisor-mappings.h"
#include "lib/bug.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "machine/registers.h"
#include "memory/frame-allocator.h"
#include "limits.h"

#define LARGE_FRAMES 512UL

/* Guards the tables against growth from two CPUs; above the frame allocator's. */
static struct spinlock mappings_lock;
static pte_t *root;
static mfn_t (*early_frame_get)(void);
static uint64_t device_next = DEVICE_VIRT;

void mappings_init(mfn_t boot_root, mfn_t (*early_frame)(void))
{
    root = frame_virt(boot_root);
    early_frame_get = early_frame;
}

static mfn_t table_allocate(void)
{
    mfn_t m = frames_total ? frames_allocate(0, 0, false) : early_frame_get();

    if (mfn_is_none(m))
        panic("no memory for the hypervisor's page tables");
    memset(frame_virt(m), 0, PAGE_SIZE);
    return m;
}

/* The entry at `level` for an address, building the tables above it. */
static pte_t *entry_at(uint64_t virt, unsigned level, uint64_t user)
{
    pte_t *table = root;

    for (unsigned l = 4; l > level; l--) {
        pte_t *e = &table[pt_index(virt, l)];

        if (!(*e & PTE_P))
            *e = pte_make(table_allocate(), PTE_P | PTE_RW | PTE_A | user);
        BUG_ON(l < 4 && (*e & PTE_PS));
        table = frame_virt(pte_mfn(*e));
    }
    return &table[pt_index(virt, level)];
}

void mappings_add(uint64_t virt, mfn_t first, uint64_t count, uint64_t flags)
{
    uint64_t user = flags & PTE_US;

    spin_lock(&mappings_lock);
    while (count) {
        bool large = count >= LARGE_FRAMES && !(first.n % LARGE_FRAMES) &&
                     !(virt % (LARGE_FRAMES * PAGE_SIZE)) && !(flags & PTE_PAT);
        uint64_t step = large ? LARGE_FRAMES : 1;

        *entry_at(virt, large ? 2 : 1, user) = pte_make(first, flags | (large ? PTE_PS : 0));
        virt += step * PAGE_SIZE;
        first.n += step;
        count -= step;
    }
    spin_unlock(&mappings_lock);
}

pte_t *mapping_entry(uint64_t virt)
{
    return entry_at(virt, 1, 0);
}

void mapping_remove(uint64_t virt)
{
    *mapping_entry(virt) = 0;
    page_invalidate(virt);
}

void *device_map(uint64_t physical, size_t bytes, uint64_t flags)
{
    uint64_t first = physical & PAGE_MASK, end = round_up(physical + bytes, PAGE_SIZE), virt;
    uint64_t pages = (end - first) >> PAGE_SHIFT; /* and one that stays empty */
    bool fits;

    spin_lock(&mappings_lock);
    virt = device_next;
    fits = pages < (DEVICE_VIRT_END - virt) >> PAGE_SHIFT;
    if (fits)
        device_next += (pages + 1) << PAGE_SHIFT;
    spin_unlock(&mappings_lock);
    if (!fits)
        return NULL;
    mappings_add(virt, mfn(first >> PAGE_SHIFT), pages, flags);
    return (void *)(virt + (physical - first));
}

void *device_page_map(uint64_t physical)
{
    static struct {
        uint64_t physical, virt;
    } known[MAX_DEVICE_PAGES];
    static struct spinlock lock; /* guards known; above mappings_lock */
    uint64_t page = physical & PAGE_MASK, virt = 0;

    spin_lock(&lock);
    for (unsigned i = 0; i < MAX_DEVICE_PAGES && !virt; i++) {
        if (!known[i].virt) {
            known[i].physical = page;
            known[i].virt = (uint64_t)device_map(page, PAGE_SIZE, MAP_DEVICE);
        }
        if (known[i].physical == page)
            virt = known[i].virt;
    }
    spin_unlock(&lock);
    return virt ? (void *)(virt + (physical & ~PAGE_MASK)) : NULL;
}

void root_table_fill(pte_t *l4)
{
    memcpy(&l4[HYPERVISOR_FIRST_SLOT], &root[HYPERVISOR_FIRST_SLOT],
           HYPERVISOR_SLOTS * sizeof(pte_t));
}

uint64_t idle_root(void)
{
    return virt_mfn(root).n << PAGE_SHIFT;
}

mfn_t mapping_lookup(uint64_t virt)
{
    pte_t *table = root;

    for (unsigned l = 4; l > 0; l--) {
        pte_t e = table[pt_index(virt, l)];

        if (!(e & PTE_P))
            return MFN_NONE;
        if (l == 1)
            return pte_mfn(e);
        if (l == 2 && (e & PTE_PS))
            return mfn(pte_mfn(e).n + pt_index(virt, 1));
        table = frame_virt(pte_mfn(e));
    }
    return MFN_NONE;
}

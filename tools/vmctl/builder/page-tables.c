/*
 * The contents of a new guest's page tables.  See page-tables.h.
 *
 * Tables of a level lie one behind the other, so which table and which entry belong to an
 * address is a matter of shifting: no walk.  Pages that are tables are mapped read-only, as
 * the hypervisor demands of a PV guest.
 */
#include "vmctl/builder/page-tables.h"

#include <errno.h>
#include <stdbool.h>

#define PRESENT  0x001ULL
#define WRITABLE 0x002ULL
#define USER     0x004ULL
#define ACCESSED 0x020ULL
#define DIRTY    0x040ULL

#define TABLE_FLAGS (PRESENT | WRITABLE | USER | ACCESSED | DIRTY)
#define PAGE_FLAGS  (PRESENT | WRITABLE | USER | ACCESSED)

/* One range's tables being filled. */
struct range {
    const struct table_plan *plan;
    const uint64_t *p2m;
    page_table *level3, *level2, *level1;
};

static uint64_t table_entry(const struct range *range, uint64_t index)
{
    return range->p2m[range->plan->first_pfn + index] << 12 | TABLE_FLAGS;
}

/* Enters the tables of one level into those of the level above it. */
static void link_level(const struct range *range, page_table *above, uint64_t count, uint64_t index,
                       unsigned int shift)
{
    uint64_t first = range->plan->virt_start >> shift;

    for (uint64_t i = 0; i < count; i++) {
        uint64_t slot = first + i;

        above[(slot >> 9) - (first >> 9)][slot & 511] = table_entry(range, index + i);
    }
}

static int link_root(const struct range *range, page_table *root)
{
    uint64_t first = range->plan->virt_start >> 39;

    for (uint64_t i = 0; i < range->plan->level3; i++) {
        uint64_t *entry = &(*root)[(first + i) & 511];

        if (*entry)
            return -EINVAL;
        *entry = table_entry(range, i);
    }
    return 0;
}

static void map_page(const struct range *range, uint64_t virt, uint64_t pfn, bool writable)
{
    uint64_t page = virt >> 12, first = range->plan->virt_start >> 12;
    uint64_t flags = writable ? PAGE_FLAGS : PAGE_FLAGS & ~WRITABLE;

    range->level1[(page >> 9) - (first >> 9)][page & 511] = range->p2m[pfn] << 12 | flags;
}

static int range_start(struct range *range, const struct table_plan *plan, const uint64_t *p2m,
                       page_table *root, page_table *tables)
{
    *range = (struct range){ plan, p2m, tables, tables + plan->level3,
                             tables + plan->level3 + plan->level2 };
    link_level(range, range->level3, plan->level2, plan->level3, 30);
    link_level(range, range->level2, plan->level1, plan->level3 + plan->level2, 21);
    return link_root(range, root);
}

int page_tables_fill(const struct guest_layout *layout, const uint64_t *p2m, page_table *root,
                     page_table *kernel, page_table *p2m_tables)
{
    const struct table_plan *plan = &layout->kernel_tables;
    uint64_t last_table = plan->first_pfn + table_plan_count(plan);
    uint64_t mapped = (plan->virt_end - plan->virt_start) / 4096;
    struct range range;
    int error = range_start(&range, plan, p2m, root, kernel);

    for (uint64_t pfn = 0; pfn < mapped && pfn < layout->pages; pfn++)
        map_page(&range, plan->virt_start + pfn * 4096, pfn,
                 layout->translated || pfn < layout->root_pfn || pfn >= last_table);
    if (error || !layout->p2m_separate)
        return error;
    plan = &layout->p2m_tables;
    error = range_start(&range, plan, p2m, root, p2m_tables);
    for (uint64_t i = 0; i < layout->p2m_pages; i++)
        map_page(&range, plan->virt_start + i * 4096, layout->p2m_pfn + i, true);
    return error;
}

/*
 * Where everything lies in a new guest's memory.  See layout.h.
 */
#include "vmctl/builder/layout.h"

#include <errno.h>
#include <string.h>

#define PAGE        4096ULL
#define SLACK       (512ULL << 10)
#define MAP_ROUND   (4ULL << 20)
#define LEVEL1_SPAN (1ULL << 21) /* what one table of the level maps */
#define LEVEL2_SPAN (1ULL << 30)
#define LEVEL3_SPAN (1ULL << 39)

static uint64_t pages_of(uint64_t bytes)
{
    return (bytes + PAGE - 1) / PAGE;
}

static uint64_t spans(const struct table_plan *plan, uint64_t span)
{
    return (plan->virt_end - 1) / span - plan->virt_start / span + 1;
}

static void table_plan_fill(struct table_plan *plan)
{
    plan->level3 = spans(plan, LEVEL3_SPAN);
    plan->level2 = spans(plan, LEVEL2_SPAN);
    plan->level1 = spans(plan, LEVEL1_SPAN);
}

uint64_t table_plan_count(const struct table_plan *plan)
{
    return plan->level3 + plan->level2 + plan->level1;
}

uint64_t guest_layout_virt(const struct guest_layout *layout, uint64_t pfn)
{
    return layout->virt_base + pfn * PAGE;
}

/* The tables lie in the range they map: grow it until they, the stack and the slack fit. */
static uint64_t plan_kernel_tables(struct guest_layout *layout, uint64_t next_pfn)
{
    struct table_plan *plan = &layout->kernel_tables;
    uint64_t end = 0;

    layout->root_pfn = next_pfn;
    plan->first_pfn = next_pfn + 1;
    plan->virt_start = layout->virt_base;
    plan->virt_end = layout->virt_base + MAP_ROUND;
    for (;;) {
        table_plan_fill(plan);
        layout->stack_pfn = plan->first_pfn + table_plan_count(plan);
        end = guest_layout_virt(layout, layout->stack_pfn + 1) + SLACK;
        end = (end + MAP_ROUND - 1) & ~(MAP_ROUND - 1);
        if (end - plan->virt_start <= plan->virt_end - plan->virt_start)
            break;
        plan->virt_end = end;
    }
    return (plan->virt_end - layout->virt_base) / PAGE;
}

static uint64_t plan_p2m_tables(struct guest_layout *layout, uint64_t init_p2m, uint64_t next_pfn)
{
    struct table_plan *plan = &layout->p2m_tables;

    layout->p2m_virt = init_p2m;
    layout->p2m_pfn = next_pfn;
    plan->virt_start = init_p2m;
    plan->virt_end = init_p2m + layout->p2m_pages * PAGE;
    plan->first_pfn = next_pfn + layout->p2m_pages;
    table_plan_fill(plan);
    return plan->first_pfn + table_plan_count(plan);
}

int guest_layout_plan(struct guest_layout *layout, const struct kernel_elf *elf,
                      uint64_t ramdisk_size, uint64_t pages, uint64_t *wanted)
{
    uint64_t next = pages_of(elf->end - elf->paddr_offset), mapped_end;

    memset(layout, 0, sizeof(*layout));
    layout->virt_base = elf->virt_base;
    layout->pages = pages;
    layout->p2m_pages = pages_of(pages * 8);
    layout->p2m_separate = elf->has_init_p2m;
    layout->ramdisk_pages = pages_of(ramdisk_size);
    layout->ramdisk_mapped = !elf->mod_start_pfn;
    if (layout->ramdisk_mapped) {
        layout->ramdisk_pfn = next;
        next += layout->ramdisk_pages;
    }
    if (!layout->p2m_separate) {
        layout->p2m_pfn = next;
        layout->p2m_virt = guest_layout_virt(layout, next);
        next += layout->p2m_pages;
    }
    layout->start_info_pfn = next++;
    layout->store_pfn = next++;
    layout->console_pfn = next++;
    mapped_end = plan_kernel_tables(layout, next);
    next = layout->stack_pfn + 1 + SLACK / PAGE;
    if (!layout->ramdisk_mapped && layout->ramdisk_pages) {
        layout->ramdisk_pfn = mapped_end;
        next = mapped_end + layout->ramdisk_pages;
    }
    if (layout->p2m_separate)
        next = plan_p2m_tables(layout, elf->init_p2m, next > mapped_end ? next : mapped_end);
    *wanted = next;
    return next > pages ? -ENOSPC : 0;
}

/*
 * Where everything lies in a new guest's memory.  See layout.h.
 */
#include "vmctl/builder/layout.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define PAGE        4096ULL
#define SLACK       (512ULL << 10)
#define MAP_ROUND   (4ULL << 20)
#define LEVEL1_SPAN (1ULL << 21) /* what one table of the level maps */
#define LEVEL2_SPAN (1ULL << 30)
#define LEVEL3_SPAN (1ULL << 39)

/* A guest's addresses: the lower half, and the upper one from behind the hypervisor's on. */
#define LOWER_END   (1ULL << 47)
#define UPPER_START 0xffff880000000000ULL

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

static bool range_is_guests(uint64_t start, uint64_t bytes)
{
    uint64_t end = start + bytes;

    return end > start && (end <= LOWER_END || start >= UPPER_START);
}

/* The tables lie in the range they map: grow it until they, the stack and the slack fit. */
static int plan_kernel_tables(struct guest_layout *layout, uint64_t next_pfn)
{
    struct table_plan *plan = &layout->kernel_tables;
    uint64_t bytes = next_pfn * PAGE, end = 0;

    layout->root_pfn = next_pfn;
    plan->first_pfn = next_pfn + 1;
    plan->virt_start = layout->virt_base;
    plan->virt_end = layout->virt_base + MAP_ROUND;
    for (;;) {
        if (!range_is_guests(plan->virt_start, bytes + MAP_ROUND))
            return -ERANGE;
        table_plan_fill(plan);
        layout->stack_pfn = plan->first_pfn + table_plan_count(plan);
        bytes = (layout->stack_pfn + 1) * PAGE + SLACK;
        end = (plan->virt_start + bytes + MAP_ROUND - 1) & ~(MAP_ROUND - 1);
        if (end <= plan->virt_end)
            return 0;
        plan->virt_end = end;
    }
}

static int plan_p2m_tables(struct guest_layout *layout, uint64_t init_p2m, uint64_t next_pfn)
{
    struct table_plan *plan = &layout->p2m_tables;

    if (!range_is_guests(init_p2m, layout->p2m_pages * PAGE))
        return -ERANGE;
    layout->p2m_virt = init_p2m;
    layout->p2m_pfn = next_pfn;
    plan->virt_start = init_p2m;
    plan->virt_end = init_p2m + layout->p2m_pages * PAGE;
    plan->first_pfn = next_pfn + layout->p2m_pages;
    table_plan_fill(plan);
    return 0;
}

/* What follows the kernel, pfn after pfn, up to the rings' pages: the pfn behind them. */
static uint64_t plan_mapped(struct guest_layout *layout, uint64_t next)
{
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
    return next;
}

int guest_layout_plan(struct guest_layout *layout, const struct kernel_elf *elf,
                      uint64_t ramdisk_size, uint64_t pages, uint64_t *wanted)
{
    uint64_t next = pages_of(elf->end - elf->paddr_offset), mapped_end;
    int error;

    memset(layout, 0, sizeof(*layout));
    layout->virt_base = elf->virt_base;
    layout->pages = pages;
    layout->p2m_pages = pages_of(pages * 8);
    layout->p2m_separate = elf->has_init_p2m;
    layout->ramdisk_pages = pages_of(ramdisk_size);
    layout->ramdisk_mapped = !elf->mod_start_pfn;
    next = plan_mapped(layout, next);
    error = plan_kernel_tables(layout, next);
    if (error)
        return error;
    mapped_end = (layout->kernel_tables.virt_end - layout->virt_base) / PAGE;
    next = layout->stack_pfn + 1 + SLACK / PAGE;
    if (!layout->ramdisk_mapped && layout->ramdisk_pages) {
        layout->ramdisk_pfn = mapped_end;
        next = mapped_end + layout->ramdisk_pages;
    }
    if (layout->p2m_separate) {
        error = plan_p2m_tables(layout, elf->init_p2m, next > mapped_end ? next : mapped_end);
        next = layout->p2m_tables.first_pfn + table_plan_count(&layout->p2m_tables);
    }
    *wanted = next;
    return error ? error : next > pages ? -ENOSPC : 0;
}

/*
 * A new guest's memory: nothing overlaps, everything is mapped where start_info says, tables
 * read-only; checked by walking the tables as the processor would.
 *
 * Sources: tools/vmctl/builder/layout.c tools/vmctl/builder/page-tables.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmctl/builder/layout.h"
#include "vmctl/builder/page-tables.h"

struct guest {
    struct guest_layout layout;
    uint64_t *p2m;
    uint8_t *used; /* per pfn: how many things claim it */
    page_table *tables;
};

static struct kernel_elf linux_kernel(void)
{
    return (struct kernel_elf){ .start = 0x1000000,
                                .end = 0x4a00000,
                                .virt_base = 0xffffffff80000000,
                                .init_p2m = 0x8000000000,
                                .has_init_p2m = true,
                                .mod_start_pfn = true };
}

static struct kernel_elf small_kernel(void)
{
    return (struct kernel_elf){ .start = 0x0, .end = 0x6000, .virt_base = 0 };
}

static void claim(struct guest *guest, uint64_t pfn, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        assert_true(pfn + i < guest->layout.pages);
        assert_int_equal(guest->used[pfn + i]++, 0);
    }
}

static void check_overlaps(struct guest *guest, const struct kernel_elf *elf)
{
    const struct guest_layout *layout = &guest->layout;

    guest->used = calloc(1, layout->pages);
    claim(guest, elf->start / 4096, (elf->end - elf->start + 4095) / 4096);
    claim(guest, layout->ramdisk_pfn, layout->ramdisk_pages);
    claim(guest, layout->start_info_pfn, 1);
    claim(guest, layout->store_pfn, 1);
    claim(guest, layout->console_pfn, 1);
    claim(guest, layout->root_pfn, 1);
    claim(guest, layout->kernel_tables.first_pfn, table_plan_count(&layout->kernel_tables));
    claim(guest, layout->stack_pfn, 1);
    claim(guest, layout->p2m_pfn, layout->p2m_pages);
    if (layout->p2m_separate)
        claim(guest, layout->p2m_tables.first_pfn, table_plan_count(&layout->p2m_tables));
    free(guest->used);
}

static page_table *table_of(struct guest *guest, uint64_t mfn)
{
    const struct guest_layout *layout = &guest->layout;
    uint64_t pfn = mfn - 100000, kernel = table_plan_count(&layout->kernel_tables);

    if (pfn >= layout->root_pfn && pfn <= layout->root_pfn + kernel)
        return &guest->tables[pfn - layout->root_pfn];
    assert_true(layout->p2m_separate && pfn >= layout->p2m_tables.first_pfn);
    return &guest->tables[1 + kernel + pfn - layout->p2m_tables.first_pfn];
}

/* The pfn an address leads to; UINT64_MAX if to none. */
static uint64_t walk(struct guest *guest, uint64_t virt, bool *writable)
{
    uint64_t entry = (guest->layout.root_pfn + 100000) << 12 | 7;

    for (int shift = 39; shift >= 12; shift -= 9) {
        entry = (*table_of(guest, entry >> 12))[virt >> shift & 511];
        if (!(entry & 1))
            return UINT64_MAX;
        assert_true(entry & 4);
    }
    *writable = entry & 2;
    return (entry >> 12) - 100000;
}

static void build(struct guest *guest, const struct kernel_elf *elf, uint64_t ramdisk,
                  uint64_t pages)
{
    uint64_t wanted;

    assert_int_equal(guest_layout_plan(&guest->layout, elf, ramdisk, pages, &wanted), 0);
    const struct guest_layout *layout = &guest->layout;
    uint64_t kernel = table_plan_count(&layout->kernel_tables);
    uint64_t p2m = layout->p2m_separate ? table_plan_count(&layout->p2m_tables) : 0;

    guest->p2m = malloc(pages * sizeof(uint64_t));
    for (uint64_t i = 0; i < pages; i++)
        guest->p2m[i] = i + 100000;
    guest->tables = calloc(1 + kernel + p2m, sizeof(page_table));
    assert_int_equal(page_tables_fill(layout, guest->p2m, guest->tables, guest->tables + 1,
                                      guest->tables + 1 + kernel),
                     0);
    check_overlaps(guest, elf);
}

static void check_mappings(struct guest *guest)
{
    const struct guest_layout *layout = &guest->layout;
    uint64_t tables_end =
        layout->kernel_tables.first_pfn + table_plan_count(&layout->kernel_tables);
    bool writable;

    for (uint64_t pfn = 0; pfn <= layout->stack_pfn + 128; pfn++) { /* and 512 KiB of slack */
        assert_int_equal(walk(guest, guest_layout_virt(layout, pfn), &writable), pfn);
        assert_int_equal(writable, pfn < layout->root_pfn || pfn >= tables_end);
    }
    for (uint64_t i = 0; i < layout->p2m_pages; i++)
        assert_int_equal(walk(guest, layout->p2m_virt + i * 4096, &writable), layout->p2m_pfn + i);
    free(guest->p2m);
    free(guest->tables);
}

static void linux_gets_its_layout(void **state)
{
    struct kernel_elf elf = linux_kernel();
    struct guest guest;

    (void)state;
    for (uint64_t mib = 128; mib <= 4096; mib *= 2) {
        build(&guest, &elf, 6 << 20, mib << 8);
        assert_false(guest.layout.ramdisk_mapped);
        check_mappings(&guest);
    }
}

static void small_kernels_fit_into_a_mebibyte(void **state)
{
    struct kernel_elf elf = small_kernel();
    struct guest guest;

    (void)state;
    build(&guest, &elf, 0, 256);
    check_mappings(&guest);
    build(&guest, &elf, 100000, 1024);
    assert_true(guest.layout.ramdisk_mapped);
    check_mappings(&guest);
}

static void too_little_memory_says_how_much(void **state)
{
    struct kernel_elf elf = linux_kernel();
    struct guest_layout layout;
    uint64_t wanted;

    (void)state;
    assert_int_equal(guest_layout_plan(&layout, &elf, 0, 16 << 8, &wanted), -ENOSPC);
    assert_true(wanted > 16 << 8);
    assert_int_equal(guest_layout_plan(&layout, &elf, 0, wanted + 64, &wanted), 0);
}

static void ranges_that_collide_are_refused(void **state)
{
    struct kernel_elf elf = linux_kernel();
    struct guest_layout layout;
    uint64_t wanted, pages = 64 << 8;
    uint64_t *p2m = calloc(2 * pages, sizeof(uint64_t));
    page_table *tables = calloc(200, sizeof(page_table));

    (void)state;
    elf.virt_base = 0x8000000000;
    elf.end = 0x1100000;
    assert_int_equal(guest_layout_plan(&layout, &elf, 0, pages, &wanted), 0);
    assert_int_equal(page_tables_fill(&layout, p2m, tables, tables + 1, tables + 100), -EINVAL);
    free(p2m);
    free(tables);
}

/* Where a kernel's notes may not put it: across a half's end, into the hypervisor's part or the
 * hole, or so high that what follows it wraps. */
static void kernels_stay_in_a_guests_addresses(void **state)
{
    static const uint64_t bases[] = {
        0xfffffffffffff000, 0xffffffffffc00000, 0x00007fffffff0000,
        0x0000800000000000, 0x7fffffffffffe000, 0xffff7ffffffff000,
        0xffff800000000000, 0xffff87ffffffe000, 0xffff87ffff000000,
    };
    static const uint64_t lists[] = { 0xffff800000000000, 0x800000000000, 0xffffff8000000000 };
    struct guest_layout layout;
    uint64_t wanted;

    (void)state;
    for (size_t i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
        struct kernel_elf elf = small_kernel();

        elf.virt_base = bases[i];
        assert_int_equal(guest_layout_plan(&layout, &elf, 0, 64 << 8, &wanted), -ERANGE);
    }
    for (size_t i = 0; i < 2; i++) {
        struct kernel_elf elf = linux_kernel();

        elf.init_p2m = lists[i];
        assert_int_equal(guest_layout_plan(&layout, &elf, 0, 1024 << 8, &wanted), -ERANGE);
    }
}

/* Any base that is taken leads to tables that hold within their plan (the sanitizer looks on). */
static void every_base_is_taken_or_refused(void **state)
{
    unsigned int seed = 11, taken = 0;
    struct guest guest;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct kernel_elf elf = small_kernel();
        uint64_t wanted;

        for (int bits = 0; bits < 64; bits += 16)
            elf.virt_base = elf.virt_base << 16 | ((uint64_t)rand_r(&seed) & 0xffff);
        elf.virt_base = elf.virt_base >> rand_r(&seed) % 52 & ~4095ULL;
        if (rand_r(&seed) & 1)
            elf.virt_base = ~elf.virt_base & ~4095ULL;
        if (guest_layout_plan(&guest.layout, &elf, 0, 16 << 8, &wanted))
            continue;
        taken++;
        build(&guest, &elf, 0, 16 << 8);
        check_mappings(&guest);
    }
    assert_true(taken > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linux_gets_its_layout),
        cmocka_unit_test(small_kernels_fit_into_a_mebibyte),
        cmocka_unit_test(too_little_memory_says_how_much),
        cmocka_unit_test(ranges_that_collide_are_refused),
        cmocka_unit_test(kernels_stay_in_a_guests_addresses),
        cmocka_unit_test(every_base_is_taken_or_refused),
    };

    return cmocka_run_group_tests_name("vmctl-layout", tests, NULL, NULL);
}

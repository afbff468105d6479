/*
 * From the firmware's memory map to frames: maps that contradict themselves, and tables that have
 * memory just where there is RAM.  Machine memory is a file with holes, mapped as it is asked for.
 *
 * Sources: hypervisor/boot/early-memory.c hypervisor/boot/memory-map.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -D_GNU_SOURCE
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "boot/boot-info.h"
#include "boot/early-memory.h"
#include "boot/memory-map.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "memory/frame-allocator.h"
#include "memory/hypervisor-mappings.h"
#include "memory/machine-to-physical.h"

#define MIB       (1UL << 20)
#define GIB       (1UL << 30)
#define RESERVED  2u
#define ALL_BYTES ((uint64_t)DIRECT_VIRT_END - (uint64_t)DIRECT_VIRT)

struct boot_info boot_info;
uint64_t frame_limit, frames_of_ram;
const uint8_t image_start[1], image_end[1];
uint8_t boot_l4[1];
uint64_t image_offset;

static int memory; /* the file */
static jmp_buf at_refusal;
static unsigned warnings;

void log_print(enum log_level level, const char *format, ...)
{
    (void)format;
    warnings += level == LOG_WARNING;
}

void boot_refuse(const char *format, ...)
{
    (void)format;
    longjmp(at_refusal, 1);
}

void panic(const char *format, ...)
{
    fail_msg("panic: %s", format);
    abort();
}

void mappings_init(mfn_t l4, mfn_t (*allocate)(void))
{
    (void)l4;
    (void)allocate;
}

static uint64_t shared_bytes; /* of what guests see */

void mappings_add(uint64_t virt, mfn_t m, uint64_t count, uint64_t flags)
{
    int protection = flags & PTE_RW ? PROT_READ | PROT_WRITE : PROT_READ;

    if (virt >= M2P_GUEST_VIRT) {
        shared_bytes += count << PAGE_SHIFT;
        assert_int_equal(flags & (PTE_US | PTE_RW | PTE_NX | PTE_G), PTE_US | PTE_NX);
        return;
    }
    assert_int_equal(flags & PTE_US, 0); /* ours alone */
    if (virt < DIRECT_VIRT)              /* the direct map is there all the time */
        assert_ptr_not_equal(mmap((void *)virt, count << PAGE_SHIFT, protection,
                                  MAP_SHARED | MAP_FIXED, memory, (off_t)(m.n << PAGE_SHIFT)),
                             MAP_FAILED);
}

/* What was handed to the allocator. */
static struct {
    uint64_t start, end;
} given[4096];
static unsigned given_count;

void frames_add(mfn_t first, uint64_t count, bool dirty)
{
    assert_true(dirty);
    for (unsigned i = 0; i < given_count; i++)
        assert_true(first.n + count <= given[i].start || first.n >= given[i].end);
    given[given_count].start = first.n;
    given[given_count++].end = first.n + count;
}

uint64_t frames_free_count(void)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < given_count; i++)
        count += given[i].end - given[i].start;
    return count;
}

static bool is_given(uint64_t address)
{
    for (unsigned i = 0; i < given_count; i++)
        if (address >> PAGE_SHIFT >= given[i].start && address >> PAGE_SHIFT < given[i].end)
            return true;
    return false;
}

static int setup(void **state)
{
    (void)state;
    memset(&boot_info, 0, sizeof(boot_info));
    given_count = warnings = 0;
    frames_of_ram = shared_bytes = 0;
    memory = memfd_create("machine", 0);
    assert_int_equal(ftruncate(memory, (off_t)ALL_BYTES), 0);
    assert_ptr_not_equal(mmap((void *)DIRECT_VIRT, ALL_BYTES, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_FIXED | MAP_NORESERVE, memory, 0),
                         MAP_FAILED);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    munmap((void *)DIRECT_VIRT, ALL_BYTES);
    munmap((void *)FRAME_TABLE_VIRT, DIRECT_VIRT - FRAME_TABLE_VIRT);
    close(memory);
    return 0;
}

/* Records of so much RAM, and not much else. */
static bool tables_are_of(uint64_t ram)
{
    uint64_t bytes = (frames_of_ram - frames_free_count()) << PAGE_SHIFT;
    uint64_t least = (ram >> PAGE_SHIFT) * (sizeof(struct frame) + sizeof(uint64_t));

    return bytes >= least && bytes < least + 20 * MIB;
}

/* Two sockets, far from each other. */
static void holes_cost_nothing(void **state)
{
    (void)state;
    memory_map_add(0, 640 << 10, E820_RAM);
    memory_map_add(MIB, 2 * GIB - MIB, E820_RAM);
    memory_map_add(4 * GIB, GIB, E820_RAM);
    memory_map_add(128 * GIB, GIB, E820_RAM);
    memory_map_settle();
    early_memory_init();
    assert_int_equal(frame_limit, 129 * GIB >> PAGE_SHIFT);
    assert_in_range(frames_of_ram, (4 * GIB - MIB) >> PAGE_SHIFT, 4 * GIB >> PAGE_SHIFT);
    assert_true(tables_are_of(4 * GIB));
    assert_int_equal(frame_table[128 * GIB >> PAGE_SHIFT].order, 0);
    assert_int_equal(frame_table[(129 * GIB >> PAGE_SHIFT) - 1].order, 0);
    assert_int_equal(frame_table[GIB >> PAGE_SHIFT].order, 0);
    assert_int_equal(frame_table[0x9f].order, ORDER_NOT_RAM); /* the firmware's, RAM or not */
    assert_int_equal(frame_table[0x100].order, 0);
    assert_int_equal(frame_table[3 * GIB >> PAGE_SHIFT].order, ORDER_NOT_RAM);
    assert_int_equal(frame_table[64 * GIB >> PAGE_SHIFT].order, ORDER_NOT_RAM);
    assert_int_equal(frame_table[5 * GIB >> PAGE_SHIFT].order, ORDER_NOT_RAM);
    assert_int_equal(((const uint64_t *)M2P_VIRT)[64 * GIB >> PAGE_SHIFT], ~0UL);
    /* Guests see the whole M2P table. */
    assert_int_equal(shared_bytes, round_up(129 * GIB / PAGE_SIZE * 8, 2 * MIB));
}

/* A small machine whose RAM below 4 GiB has no room for its tables. */
static void tables_lie_above_4_gib(void **state)
{
    (void)state;
    memory_map_add(MIB, 31 * MIB, E820_RAM);
    memory_map_add(4 * GIB, 8 * GIB, E820_RAM);
    memory_map_settle();
    early_memory_init();
    assert_true(tables_are_of(8 * GIB + 32 * MIB));
    assert_true(is_given(16 * MIB));
}

static void ram_out_of_reach(void **state)
{
    (void)state;
    memory_map_add(MIB, GIB, E820_RAM);
    memory_map_add(ALL_BYTES - GIB, 3 * GIB, E820_RAM);
    memory_map_add(ALL_BYTES + 16 * GIB, GIB, E820_RAM);
    memory_map_settle();
    early_memory_init();
    assert_int_equal(frames_of_ram, 2 * GIB >> PAGE_SHIFT);
    assert_int_equal(frame_limit, ALL_BYTES >> PAGE_SHIFT);
    assert_int_equal(warnings, 1);
}

static void no_room_for_tables(void **state)
{
    (void)state;
    memory_map_add(MIB, MIB, E820_RAM);
    if (!setjmp(at_refusal)) {
        early_memory_init();
        fail_msg("it went on");
    }
}

/* The highest page below 640 KiB that is whole, free, and nobody else's. */
static void a_page_for_the_other_cpus(void **state)
{
    (void)state;
    memory_map_add(0, 0x9fc00, E820_RAM);
    memory_map_add(MIB, GIB, E820_RAM);
    memory_map_settle();
    boot_info.information_start = 0x9e100;
    boot_info.information_end = 0x9e200;
    early_memory_init();
    assert_int_equal(early_low_page, 0x9d000);
    assert_false(is_given(early_low_page));
}

static void a_page_beside_reserved_ones(void **state)
{
    (void)state;
    memory_map_add(0, 0xa0000, E820_RAM);
    memory_map_add(0x20800, 0x7f800, E820_RESERVED);
    memory_map_add(MIB, GIB, E820_RAM);
    memory_map_settle();
    early_memory_init();
    assert_int_equal(early_low_page, 0x1f000);
}

static void no_page_for_the_other_cpus(void **state)
{
    (void)state;
    memory_map_add(0, 0x1000, E820_RAM); /* the first page is no answer */
    memory_map_add(MIB, GIB, E820_RAM);
    memory_map_settle();
    early_memory_init();
    assert_int_equal(early_low_page, 0);
}

/* No frame is given twice, none that another range has; whatever the order. */
static void a_map_that_contradicts_itself(void **state)
{
    (void)state;
    memory_map_add(256 * MIB, MIB, E820_RESERVED);
    memory_map_add(MIB, GIB - MIB, E820_RAM);
    memory_map_add(512 * MIB, GIB, E820_RAM);             /* again, and more */
    memory_map_add(600 * MIB, MIB, E820_RAM);             /* within */
    memory_map_add(1400 * MIB, 200 * MIB, E820_RESERVED); /* across the end */
    memory_map_add(0, 2 * MIB, E820_RESERVED);            /* across the start */
    memory_map_add(700 * MIB + 100, 10, E820_RESERVED);   /* within a page */
    memory_map_add(~0UL - 100, 1000, E820_RAM);
    memory_map_add(900 * MIB, 0, E820_RESERVED);
    memory_map_settle();
    for (unsigned i = 0; i < boot_info.e820_entries; i++)
        assert_true(boot_info.e820[i].size > 0);
    early_memory_init();
    assert_int_equal(frames_of_ram, ((1400 - 2 - 1) * MIB >> PAGE_SHIFT) - 1);
    assert_false(is_given(256 * MIB) || is_given(257 * MIB - 1));
    assert_true(is_given(257 * MIB) && is_given(600 * MIB));
    assert_false(is_given(700 * MIB) || is_given(1400 * MIB) || is_given(MIB));
    assert_int_equal(frame_table[256 * MIB >> PAGE_SHIFT].order, ORDER_NOT_RAM);
}

static void more_ranges_than_there_is_room_for(void **state)
{
    (void)state;
    memory_map_add(MIB, GIB, E820_RAM);
    for (unsigned i = 0; i < MAX_E820 + 10; i++)
        memory_map_add(2 * GIB + 2 * i * MIB, MIB, E820_RAM);
    assert_int_equal(boot_info.e820_entries, MAX_E820);
    assert_int_equal(boot_info.e820_ignored, 11);
    memory_map_settle();
    early_memory_init();
    assert_int_equal(frames_of_ram, (GIB + (MAX_E820 - 1) * MIB) >> PAGE_SHIFT);
}

/* Each range at the top has room for one piece of a table, and the next goes to another. */
static void a_map_cut_into_small_ranges(void **state)
{
    (void)state;
    memory_map_add(MIB, 2 * GIB - MIB, E820_RAM);
    memory_map_add(4 * GIB, 15 * GIB, E820_RAM);
    for (unsigned i = 0; i < 100; i++)
        memory_map_add(20 * GIB + 4 * i * MIB, 3 * MIB, E820_RAM);
    memory_map_settle();
    early_memory_init();
    assert_true(tables_are_of(17 * GIB));
    assert_int_equal(frames_of_ram, (17 * GIB + 299 * MIB) >> PAGE_SHIFT);
}

static void neighbours_are_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5000; i++)
        memory_map_add(MIB + i * MIB, MIB, i == 4000 ? E820_RESERVED : E820_RAM);
    assert_int_equal(boot_info.e820_entries, 3);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(holes_cost_nothing),
        CASE(tables_lie_above_4_gib),
        CASE(ram_out_of_reach),
        CASE(no_room_for_tables),
        CASE(a_page_for_the_other_cpus),
        CASE(a_page_beside_reserved_ones),
        CASE(no_page_for_the_other_cpus),
        CASE(a_map_that_contradicts_itself),
        CASE(more_ranges_than_there_is_room_for),
        CASE(a_map_cut_into_small_ranges),
        CASE(neighbours_are_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

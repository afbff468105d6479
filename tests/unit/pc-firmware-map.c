/*
 * Addresses as firmware gives them: what is mapped by them, and what is not.
 *
 * Sources: hypervisor/boot/firmware-map.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -D_GNU_SOURCE
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include "boot/firmware-map.h"
#include "machine/cpu-features.h"
#include "memory/hypervisor-mappings.h"

#define MIB       (1UL << 20)
#define GIB       (1UL << 30)
#define FRAMES    (2 * GIB >> PAGE_SHIFT)
#define RAM_START MIB
#define RAM_END   (GIB + 5 * PAGE_SIZE) /* and from there on to FRAMES a hole */
#define LIMIT     (1UL << 39)

struct cpu_features cpu_features;
uint64_t frame_limit;

static unsigned mapped;
static uint64_t mapped_flags;

void *device_map(uint64_t physical, size_t bytes, uint64_t flags)
{
    assert_true(bytes && physical <= LIMIT - bytes);
    mapped++;
    mapped_flags = flags;
    return &mapped;
}

static int setup(void **state)
{
    (void)state;
    assert_ptr_not_equal(mmap(frame_table, FRAMES * sizeof(struct frame), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0),
                         MAP_FAILED);
    for (uint64_t n = 0; n < FRAMES; n++)
        if (n < RAM_START >> PAGE_SHIFT || n >= RAM_END >> PAGE_SHIFT)
            frame_table[n].order = ORDER_NOT_RAM;
    frame_limit = FRAMES;
    cpu_features.physical_bits = 39;
    mapped = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    munmap(frame_table, FRAMES * sizeof(struct frame));
    return 0;
}

static void refused(uint64_t physical, size_t bytes)
{
    assert_null(firmware_map(physical, bytes, false));
    assert_null(firmware_map(physical, bytes, true));
    assert_null(firmware_map_device(physical, bytes, MAP_SCREEN));
    assert_int_equal(mapped, 0);
}

static void addresses_the_processor_has_not(void **state)
{
    (void)state;
    refused(UINT64_MAX, 36); /* a root table's entry on a board whose memory is not there */
    refused(UINT64_MAX - 35, 36);
    refused(UINT64_MAX - 36, 36);
    refused(LIMIT, 1);
    refused(LIMIT - 35, 36);
    refused(LIMIT - PAGE_SIZE, PAGE_SIZE + 1);
    refused(0xfed00000, 0);
    refused(0xc0000000, UINT64_MAX);
    refused(0xc0000000, (size_t)UINT32_MAX * UINT32_MAX); /* a frame buffer's */
    refused(0xc0000000, LIMIT - 0xc0000000);              /* more than there is of anything */
    refused(0, 36);
}

static void tables_lie_where_they_like(void **state)
{
    (void)state;
    assert_non_null(firmware_map(LIMIT - 36, 36, false));
    assert_int_equal(mapped_flags, MAP_RW);
    assert_non_null(firmware_map(RAM_START + 5, 36, false));
    assert_non_null(firmware_map(0xf0010, 36, false));
    assert_int_equal(mapped, 3);
}

static void registers_are_no_ram(void **state)
{
    (void)state;
    assert_non_null(firmware_map(0xfed00000, PAGE_SIZE, true));
    assert_int_equal(mapped_flags, MAP_DEVICE);
    assert_non_null(firmware_map(LIMIT - PAGE_SIZE, PAGE_SIZE, true));
    assert_non_null(firmware_map(RAM_START - 4, 4, true));
    assert_non_null(firmware_map(RAM_END, PAGE_SIZE, true));
    assert_non_null(firmware_map(2 * GIB, PAGE_SIZE, true));
    assert_non_null(firmware_map(2 * GIB - 4, 8, true));
    mapped = 0;
    assert_null(firmware_map(RAM_START, PAGE_SIZE, true));
    assert_null(firmware_map(RAM_START - 4, 5, true));
    assert_null(firmware_map(RAM_END - 1, 4, true));
    assert_null(firmware_map(RAM_END - PAGE_SIZE, 1, true));
    assert_int_equal(mapped, 0);
}

static void a_screen_is_no_ram(void **state)
{
    (void)state;
    assert_non_null(firmware_map_device(0xc0000000, 7680UL * 4 * 4320, MAP_SCREEN));
    assert_int_equal(mapped_flags, MAP_SCREEN);
    assert_non_null(firmware_map_device(0xa0000, 64 << 10, MAP_SCREEN));
    assert_null(firmware_map_device(0xa0000, 800 * 600 * 4, MAP_SCREEN)); /* over its end */
    assert_null(firmware_map_device(RAM_END - 3 * PAGE_SIZE, 8 * MIB, MAP_SCREEN));
    assert_int_equal(mapped, 2);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(addresses_the_processor_has_not),
        CASE(tables_lie_where_they_like),
        CASE(registers_are_no_ram),
        CASE(a_screen_is_no_ram),
    };

    return cmocka_run_group_tests_name("pc-firmware-map", tests, NULL, NULL);
}

/*
 * Where the hypervisor maps devices: each has addresses of its own, and they come to an end.
 *
 * Sources: hypervisor/memory/hypervisor-mappings.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -D_GNU_SOURCE
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include "lib/bug.h"
#include "memory/frame-allocator.h"
#include "memory/hypervisor-mappings.h"

#define GIB    (1UL << 30)
#define TABLES (64UL << 20)

uint64_t frames_total;
static uint64_t frames_used;

void panic(const char *format, ...)
{
    fail_msg("panic: %s", format);
    abort();
}

void cpu_wait_step(void)
{
    fail_msg("nobody else has the lock");
}

mfn_t frames_allocate(unsigned order, unsigned address_bits, bool clean)
{
    (void)order;
    (void)address_bits;
    (void)clean;
    return MFN_NONE;
}

static mfn_t frame_get_early(void)
{
    assert_true(frames_used < TABLES >> PAGE_SHIFT);
    return mfn(frames_used++);
}

static int setup(void **state)
{
    (void)state;
    assert_ptr_not_equal(mmap((void *)DIRECT_VIRT, TABLES, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0),
                         MAP_FAILED);
    frames_used = 1;
    mappings_init(mfn(0), frame_get_early);
    return 0;
}

static void expect_maps(uint64_t physical, uint64_t bytes)
{
    uint64_t at = (uint64_t)device_map(physical, bytes, MAP_DEVICE);

    assert_in_range(at, DEVICE_VIRT, DEVICE_VIRT_END - bytes);
    assert_int_equal(at & ~PAGE_MASK, physical & ~PAGE_MASK);
    assert_int_equal(mapping_lookup(at).n, physical >> PAGE_SHIFT);
    assert_int_equal(mapping_lookup(at + bytes - 1).n, (physical + bytes - 1) >> PAGE_SHIFT);
    assert_true(mfn_is_none(mapping_lookup(round_up(at + bytes, PAGE_SIZE))));
}

/* In one go: nothing is ever given back. */
static void addresses_come_to_an_end(void **state)
{
    uint64_t used;

    (void)state;
    expect_maps(64 * GIB, 255 * GIB);
    expect_maps(0xfee00ff0, 0x20);
    used = frames_used;
    assert_null(device_map(0xc0000000, GIB, MAP_DEVICE));
    assert_null(device_map(0xc0000000, UINT64_MAX / 2, MAP_DEVICE));
    assert_int_equal(frames_used, used);
    expect_maps(0xc0000123, 0x20000);
    expect_maps(0x80000000, GIB - 0x21000 - 6 * PAGE_SIZE); /* all that is left */
    assert_null(device_map(0xfec00000, 1, MAP_DEVICE));
    assert_null(device_page_map(0xfec00000));
    assert_null(device_page_map(0xfec00000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(addresses_come_to_an_end, setup),
    };

    return cmocka_run_group_tests_name("pc-device-map", tests, NULL, NULL);
}

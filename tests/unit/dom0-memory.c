/*
 * dom0's heap: grows while there are frames, keeps a reserve, gives back what it does not use,
 * and keeps nothing of what it could not have.  Frames and page tables are fakes.
 *
 * Sources: dom0/libc/memory.c
 * Flags: -Dsbrk=heap_sbrk
 * Libraries: -Wl,--wrap=malloc
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "libc/libc.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"

#define AREA   ((char *)(1UL << 40))
#define FRAMES 16384u /* 64 MiB */
#define MIB    (1L << 20)

/* Frame n lies at (n + 1) pages; which frame is mapped where. */
static size_t free_count, next_frame, refuse_tables_at;
static void *mapped[FRAMES];
static bool malloc_fails;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
    return malloc_fails ? NULL : __real_malloc(size);
}

void *frames_alloc(unsigned int order)
{
    size_t n = 1UL << order;

    if (free_count < n)
        return NULL;
    free_count -= n;
    next_frame += n;
    return (void *)((next_frame - n + 1) << PAGE_SHIFT);
}

void frames_free(void *va, unsigned int order)
{
    assert_non_null(va);
    free_count += 1UL << order;
}

size_t frames_free_count(void)
{
    return free_count;
}

uint64_t frames_virt_to_mfn(const void *va)
{
    return (uint64_t)va >> PAGE_SHIFT;
}

void *mapping_area_reserve_bare(size_t n)
{
    assert_true(n >= FRAMES);
    return AREA;
}

static size_t page_of(const void *va)
{
    return (size_t)((const char *)va - AREA) >> PAGE_SHIFT;
}

int page_tables_map(void *va, const uint64_t *mfns, size_t n, uint64_t flags, domid_t domid,
                    size_t *done)
{
    (void)flags;
    assert_int_equal(domid, DOMID_SELF);
    for (*done = 0; *done < n; ++*done) {
        size_t page = page_of(va) + *done;

        if (page == refuse_tables_at)
            return -ENOMEM;
        assert_null(mapped[page]);
        mapped[page] = (void *)(mfns[*done] << PAGE_SHIFT);
    }
    return 0;
}

int page_tables_unmap(void *va, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_non_null(mapped[page_of(va) + i]);
        mapped[page_of(va) + i] = NULL;
    }
    return 0;
}

void *page_tables_mapped_frame(const void *va)
{
    return mapped[page_of(va)];
}

void *heap_sbrk(ptrdiff_t increment);

static int setup(void **state)
{
    (void)state;
    free_count = FRAMES;
    next_frame = 0;
    refuse_tables_at = SIZE_MAX;
    malloc_fails = false;
    for (size_t i = 0; i < FRAMES; i++)
        mapped[i] = NULL;
    libc_memory_start();
    return 0;
}

static void refused(ptrdiff_t bytes)
{
    void *before = heap_sbrk(0);

    errno = 0;
    assert_ptr_equal(heap_sbrk(bytes), (void *)-1);
    assert_int_equal(errno, ENOMEM);
    assert_ptr_equal(heap_sbrk(0), before);
}

static void what_cannot_be_had_keeps_nothing(void **state)
{
    (void)state;
    assert_ptr_equal(heap_sbrk(5000), AREA);
    size_t left = free_count;

    refused(65 * MIB);
    refused(1L << 40);
    assert_int_equal(free_count, left);
    refuse_tables_at = 3000; /* in the middle of it there is no frame for a table */
    refused(40 * MIB);
    assert_int_equal(free_count, left);
    refuse_tables_at = SIZE_MAX;
    assert_ptr_equal(heap_sbrk(40 * MIB), AREA + 5000);
}

static void a_reserve_stays(void **state)
{
    (void)state;
    while (heap_sbrk(4096) != (void *)-1)
        ;
    assert_in_range(free_count, 1024, 1024 + 256);
}

static void what_is_given_back_is_free_again(void **state)
{
    (void)state;
    heap_sbrk(50 * MIB);
    assert_true(free_count < FRAMES - 12000);
    heap_sbrk(-49 * MIB);
    assert_in_range(free_count, FRAMES - 1024, FRAMES);
    for (int i = 0; i < 100; i++) { /* a little to and fro moves no frames */
        size_t before = free_count;

        heap_sbrk(MIB / 2);
        heap_sbrk(-MIB / 2);
        assert_int_equal(free_count, before);
    }
    assert_ptr_equal(heap_sbrk(-MIB), AREA + MIB);
    assert_ptr_equal(heap_sbrk(0), AREA);
}

static void shortness_is_told(void **state)
{
    (void)state;
    malloc_fails = true; /* not even asked */
    assert_true(libc_memory_allows(0));
    assert_true(libc_memory_allows(50 * MIB));
    assert_false(libc_memory_allows(60 * MIB));
    assert_false(libc_memory_allows(SIZE_MAX));
    while (heap_sbrk(4096) != (void *)-1)
        ;
    assert_false(libc_memory_allows(0));
    malloc_fails = false; /* free memory within the heap does as well */
    assert_true(libc_memory_allows(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_cannot_be_had_keeps_nothing, setup),
        cmocka_unit_test_setup(a_reserve_stays, setup),
        cmocka_unit_test_setup(what_is_given_back_is_free_again, setup),
        cmocka_unit_test_setup(shortness_is_told, setup),
    };

    return cmocka_run_group_tests_name("dom0-memory", tests, NULL, NULL);
}

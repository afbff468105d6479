/*
 * Grant copies between pages of the test's own: a few domains, each with pages others may use.
 * What is copied is checked as the hypervisor would: a reference that is not given, or only for
 * reading, is refused.
 */
#ifndef TESTS_UNIT_FAKE_COPIES_H
#define TESTS_UNIT_FAKE_COPIES_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall-abi/grants.h"
#include "libc/libc.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/grant-copies.h"

#define FAKE_DOMAINS 8u
#define FAKE_REFS    512u

static uint8_t fake_pages[FAKE_DOMAINS][FAKE_REFS][PAGE_SIZE];
static enum { FAKE_REFUSED, FAKE_READ, FAKE_WRITE } fake_grants[FAKE_DOMAINS][FAKE_REFS];
static uint64_t fake_now = 1000000000;
static unsigned long fake_copies, fake_hypercalls;
static long fake_frames; /* allocated */

uint64_t clock_monotonic_ns(void)
{
    return fake_now;
}

/* The same in each run (xorshift64, Marsaglia 2003). */
uint64_t random_bits(void)
{
    static uint64_t bits = 88172645463325252u;

    bits ^= bits << 13;
    bits ^= bits >> 7;
    bits ^= bits << 17;
    return bits;
}

/* The test's memory is its own pseudo-physical one. */
uint64_t frames_virt_to_mfn(const void *va)
{
    return (uint64_t)va >> PAGE_SHIFT;
}

uint64_t frames_virt_to_machine(const void *va)
{
    return (uint64_t)va;
}

void *frames_alloc(unsigned int order)
{
    void *memory = aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);

    memset(memory, 0, PAGE_SIZE << order);
    fake_frames += 1L << order;
    return memory;
}

void frames_free(void *va, unsigned int order)
{
    fake_frames -= 1L << order;
    free(va);
}

static uint8_t *fake_end(const struct gnttab_copy_ptr *end, bool granted, bool write,
                         uint16_t length)
{
    if ((uint32_t)end->offset + length > PAGE_SIZE)
        return NULL;
    if (!granted)
        return end->domid == DOMID_SELF ? (uint8_t *)(end->u.gmfn << PAGE_SHIFT) + end->offset
                                        : NULL;
    if (end->domid >= FAKE_DOMAINS || end->u.ref >= FAKE_REFS ||
        fake_grants[end->domid][end->u.ref] < (write ? FAKE_WRITE : FAKE_READ))
        return NULL;
    return fake_pages[end->domid][end->u.ref] + end->offset;
}

void grant_copies_run(struct gnttab_copy *copies, size_t n)
{
    fake_hypercalls += n != 0;
    fake_copies += n;
    for (size_t i = 0; i < n; i++) {
        struct gnttab_copy *c = &copies[i];
        uint8_t *from = fake_end(&c->source, c->flags & GNTCOPY_source_gref, false, c->len);
        uint8_t *to = fake_end(&c->dest, c->flags & GNTCOPY_dest_gref, true, c->len);

        c->status = from && to ? GNTST_okay : GNTST_bad_gntref;
        if (from && to)
            memmove(to, from, c->len);
    }
}

#endif

/*
 * Reading the log of written frames of `domain`, whose numbers are below GUEST, as its caller's
 * hypercall goes on; and numbers drawn at random.  Include it behind the guest's own header.
 */
#ifndef TESTS_MODEL_LOG_READER_H
#define TESTS_MODEL_LOG_READER_H

#include <string.h>
#include "hypercalls/dirty-log.h"
#include "lib/errno.h"

static uint8_t bitmap[GUEST / 8];
static uint64_t random_state = 88172645463325252UL;

static uint64_t random_below(uint64_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % n;
}

static bool is_reported(uint64_t pfn)
{
    return bitmap[pfn / 8] >> pfn % 8 & 1;
}

static int log_read(bool clean)
{
    uint64_t dirty = 0, found = 0, frames = GUEST;
    int r;

    memset(bitmap, 0, sizeof(bitmap));
    do
        r = dirty_log_read(&domain, (guest_handle_t)(uintptr_t)bitmap, &frames, clean, &dirty);
    while (r == -ERESTART);
    for (unsigned i = 0; i < GUEST && !r; i++)
        found += is_reported(i);
    if (!r)
        assert_int_equal(dirty, found);
    return r;
}

static int log_begin(void)
{
    int r;

    while ((r = dirty_log_begin(&domain)) == -ERESTART)
        ;
    return r;
}

#endif

/*
 * A granter that writes its entry while another domain claims it: once or twice is nothing, one
 * that never stops is not waited for.
 *
 * Sources: hypervisor/grants/claim.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -DHOST_MODEL
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "grants/claim.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "memory/frame-references.h"

#define GRANTER_FRAME 77
#define FOR_EVER      1000000u

static struct grant_entry_v1 entry;
static struct grant_pin pin;
static struct grant_table table = { .frames = 1 };

static int granters_frame_get(struct domain *d, uint64_t gfn, mfn_t *m);
static void nothing(struct domain *d, mfn_t m)
{
    (void)d;
    (void)m;
}

static const struct paging_mode mode = { .frame_get = granters_frame_get,
                                         .written_by_others = nothing };
static struct domain granter = { .mode = &mode, .grants = &table };
static unsigned changes; /* left */

/* Between any two accesses of the claim's, the granter writes a flag that means nothing. */
void model_step(void)
{
    if (!changes)
        return;
    changes--;
    entry.flags ^= 1U << 15;
}

void cpu_wait_step(void)
{
    abort();
}

struct grant_entry_v1 *grant_entry_locked(struct grant_table *t, grant_ref_t ref)
{
    assert_ptr_equal(t, &table);
    assert_int_equal(ref, 0);
    return &entry;
}

struct grant_pin *grant_pin_locked(struct grant_table *t, grant_ref_t ref)
{
    assert_ptr_equal(t, &table);
    assert_int_equal(ref, 0);
    return &pin;
}

bool frame_get(mfn_t m, uint16_t owner)
{
    (void)owner;
    return m.n == GRANTER_FRAME;
}

static int granters_frame_get(struct domain *d, uint64_t gfn, mfn_t *m)
{
    assert_ptr_equal(d, &granter);
    *m = mfn(gfn);
    return frame_get(*m, 0) ? 0 : -EINVAL;
}

int frame_type_claim(mfn_t m, uint32_t type)
{
    assert_int_equal(m.n, GRANTER_FRAME);
    assert_int_equal(type, TYPE_WRITABLE);
    return 0;
}

void frame_put(mfn_t m)
{
    assert_int_equal(m.n, GRANTER_FRAME);
}

void frame_put_writable(mfn_t m)
{
    frame_put(m);
}

static int claim(unsigned with_changes)
{
    uint64_t frame = 0;
    int r;

    entry =
        (struct grant_entry_v1){ .flags = GTF_permit_access, .domid = 3, .frame = GRANTER_FRAME };
    pin = (struct grant_pin){ 0 };
    changes = with_changes;
    r = grant_claim(&granter, 3, 0, true, &frame);
    assert_int_equal(frame, r ? 0 : GRANTER_FRAME);
    assert_int_equal(pin.writers, r ? 0 : 1);
    assert_false(spin_is_locked(&table.lock));
    return r;
}

static void a_change_now_and_then_is_nothing(void **state)
{
    (void)state;
    assert_int_equal(claim(0), GNTST_okay);
    assert_int_equal(claim(3), GNTST_okay);
    assert_int_equal(entry.flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
}

static void who_never_stops_is_not_waited_for(void **state)
{
    (void)state;
    assert_int_equal(claim(FOR_EVER), GNTST_general_error);
    assert_int_equal(entry.flags & (GTF_reading | GTF_writing), 0);
    assert_true(changes > FOR_EVER - 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_now_and_then_is_nothing),
        cmocka_unit_test(who_never_stops_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Two guests, a friend that is granted to, and the control domain, over the model's memory: what
 * tests of calls through the real handlers begin and end with.  Include it after cmocka.h.
 */
#ifndef TESTS_UNIT_SIDES_H
#define TESTS_UNIT_SIDES_H

#include <stdlib.h>
#include "domain/domain.h"
#include "grants/grant-table.h"
#include "guest-paging/paging.h"
#include "hypercall-abi/domctl.h"
#include "lifecycle/audit.h"
#include "lifecycle/create.h"
#include "lifecycle/destroy.h"
#include "model/cpu-sets.h"
#include "model/model.h"

#define FRAMES 8
#define VA     0x28000001000UL /* slot 5, 0, 0, 1 */

struct side {
    struct domain *d;
    struct vcpu *v;
    mfn_t table[4]; /* L1 first */
    mfn_t data[FRAMES];
};

static struct side a, b, friend, control;

static void become(struct side *s)
{
    this_cpu()->vcpu = s->v;
    s->v->domain->frames.cpus = set_of(1);
}

static pte_t entry(mfn_t m, uint64_t flags)
{
    return pte_make(m, PTE_P | PTE_US | PTE_A | flags);
}

static pte_t *slot(struct side *s, unsigned level, unsigned index)
{
    return (pte_t *)frame_virt(s->table[level - 1]) + index;
}

static maybe_unused uint64_t slot_machine(struct side *s, unsigned level, unsigned index)
{
    return (s->table[level - 1].n << PAGE_SHIFT) + index * 8;
}

static void side_make(struct side *s, bool privileged)
{
    struct xen_domctl_createdomain config = {
        .max_vcpus = 2, .max_evtchn_port = 1023, .max_grant_frames = 1, .max_maptrack_frames = 2
    };
    struct vcpu_guest_context *c = calloc(1, sizeof(*c));
    domid_t id;

    assert_int_equal(domain_id_choose(&id), 0);
    assert_int_equal(domain_create(id, &config, privileged, &s->d), 0);
    s->d->frames.limit = 100;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(frame_owner_allocate(&s->d->frames, 0, 0, &s->table[i]), 0);
    for (unsigned i = 0; i < FRAMES; i++)
        assert_int_equal(frame_owner_allocate(&s->d->frames, 0, 0, &s->data[i]), 0);
    *slot(s, 4, 5) = entry(s->table[2], PTE_RW);
    *slot(s, 3, 0) = entry(s->table[1], PTE_RW);
    *slot(s, 2, 0) = entry(s->table[0], PTE_RW);
    *slot(s, 1, 0) = entry(s->data[0], PTE_RW);
    c->flags = VGCF_in_kernel;
    c->ctrlreg[3] = s->table[3].n << PAGE_SHIFT;
    s->v = s->d->vcpus[0];
    while (vcpu_initialise(s->v, c) == -ERESTART)
        ;
    free(c);
    while (grant_table_grow(s->d, 1) == -ERESTART)
        ;
    s->d = domain_get(s->d->id);
}

static int sides_up(void **state)
{
    (void)state;
    side_make(&control, true);
    side_make(&a, false);
    side_make(&b, false);
    side_make(&friend, false);
    become(&b);
    return 0;
}

/* All counts are what a recount finds, also after what was refused. */
static int sides_down(void **state)
{
    struct side *all[] = { &a, &b, &friend, &control };
    uint64_t frames, differences;
    int r;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(domain_audit(all[i]->d, &frames, &differences), 0);
        assert_int_equal(differences, 0);
    }
    this_cpu()->vcpu = NULL;
    for (unsigned i = 0; i < 4; i++) {
        all[i]->d->frames.cpus = set_of(0);
        do {
            r = domain_destroy(all[i]->d);
        } while (r == -ERESTART);
        assert_int_equal(r, 0);
        domain_put(all[i]->d);
    }
    return 0;
}

#define ARG(x) ((uint64_t)(uintptr_t)(x))

#endif

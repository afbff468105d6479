/*
 * Two passes with all other CPUs parked between two operations: the first adds what every domain
 * accounts for to tallies kept beside the frames, the second compares those of one domain, or of
 * each.
 */
#include "lifecycle/audit.h"
#include "events/fifo.h"
#include "grants/grant-table.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "machine/remote.h"
#include "memory/heap.h"
#include "memory/tally.h"

static void tally_vcpu(const struct vcpu *v, struct tally *t)
{
    if (!mfn_is_none(v->info_frame))
        tally_add(t, v->info_frame, 1, 1);
    for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
        if (!mfn_is_none(v->gdt_frames[i]))
            tally_add(t, v->gdt_frames[i], 1, 1);
    for (unsigned i = 0; i < LDT_PAGES; i++)
        if (!mfn_is_none(v->ldt_frames[i]))
            tally_add(t, v->ldt_frames[i], 1, 1);
}

/* No domain may have more entries for a frame of another's than it has mapped grants of it.  The
 * control domain may map without them. */
static void check_foreign(struct domain *d, struct tally *t)
{
    for (uint32_t link = t->first_foreign, next; link && link != TALLY_LAST; link = next) {
        struct tally_count *c = &t->of[link - 1];

        if (!d->privileged && (c->foreign > 0 || c->foreign_writable > 0) && tally_differs(t))
            log_warning("audit: d%u maps frame %x of another domain %d times (%d writable) more "
                        "than granted",
                        d->id, link - 1, c->foreign, c->foreign_writable);
        next = c->next_foreign;
        c->foreign = c->foreign_writable = 0;
        c->next_foreign = 0;
    }
    t->first_foreign = 0;
}

static void tally_domain(struct domain *d, struct tally *t)
{
    struct vcpu *v;

    while (d->mode->finish(d) == -ERESTART)
        ; /* a walk stopped half-way would have to be counted half-way */
    d->mode->tally(d, t);
    grant_table_tally(d, t);
    fifo_tally(d, t);
    for_each_vcpu(v, d)
        tally_vcpu(v, t);
    if (d->shared_info)
        tally_add(t, virt_mfn(d->shared_info), 1, 1);
    check_foreign(d, t);
}

static void compare(domid_t id, struct tally *t, const struct frame *f)
{
    const struct tally_count *found = &t->of[mfn_of(f).n];
    uint32_t use = f->use & USE_COUNT, type = f->type & TYPE_COUNT;

    t->frames++;
    if (found->use == use && found->type == type)
        return;
    if (tally_differs(t))
        log_warning("audit: d%u frame %lx: type word %x, uses %u (found %u), type count %u "
                    "(found %u)",
                    id, mfn_of(f).n, f->type, use, found->use, type, found->type);
}

/* Every frame with the domain as its owner, those the hypervisor shares with it included. */
static void compare_one(const struct domain *d, struct tally *t)
{
    for (uint64_t n = 0; n < frame_limit; n++)
        if (frame_table[n].owner == d->frames.index && mfn_is_ram(mfn(n)))
            compare(d->id, t, &frame_table[n]);
}

static void compare_all(struct audit_of_all *all, struct tally *t)
{
    for (uint64_t n = 0; n < frame_limit; n++) {
        uint16_t owner = frame_table[n].owner;
        uint64_t before = t->differences;

        if (owner >= MAX_DOMAINS || !all->place[owner] || !mfn_is_ram(mfn(n)))
            continue;
        struct paravane_audit *of = &all->of[all->place[owner] - 1];

        compare(of->domid, t, &frame_table[n]);
        of->frames++;
        of->differences += t->differences - before;
    }
}

/* `all`, if there is one, is told what was wrong with whom. */
static void tally_everybody(struct tally *t, struct audit_of_all *all)
{
    struct domain *d;

    for (uint32_t next = 0; (d = domain_get_next((domid_t)next)); next = d->id + 1U) {
        uint64_t before = t->differences;

        tally_domain(d, t);
        if (all) {
            all->of[all->count] =
                (struct paravane_audit){ .domid = d->id, .differences = t->differences - before };
            all->place[d->frames.index] = (uint16_t)++all->count;
        }
        domain_put(d);
    }
}

/* Compares d's frames, or if there is none, all's. */
static int audit(struct domain *d, struct audit_of_all *all, struct tally *t)
{
    size_t bytes = frame_limit * sizeof(struct tally_count);
    int r = -ENOMEM;

    t->of = heap_allocate(bytes);
    if (t->of)
        r = cpus_park();
    if (!r) {
        tally_everybody(t, all);
        if (d)
            compare_one(d, t);
        else
            compare_all(all, t);
        cpus_unpark();
    }
    heap_free(t->of, bytes);
    return r;
}

int domain_audit(struct domain *d, uint64_t *frames, uint64_t *differences)
{
    struct tally t = { 0 };
    int r = audit(d, NULL, &t);

    *frames = t.frames;
    *differences = t.differences;
    return r;
}

int domains_audit(struct audit_of_all *all)
{
    struct tally t = { 0 };

    return audit(NULL, all, &t);
}

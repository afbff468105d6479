/*
 * Two passes over the domain's frames: the first walks every validated table and adds what its
 * entries hold to tallies kept beside the frames; the second compares.  The paging lock is held
 * throughout, so this is for tests and doubt, not for every day.
 */
#include "guest-paging/audit.h"
#include "guest-paging/entry-rules.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "memory/heap.h"

#define REPORTED 8 /* differences named in the log */

struct tally {
    uint32_t use, type;
};

struct audit {
    struct domain *d;
    struct tally *tally; /* by frame number */
    uint64_t frames, differences;
};

static void count(struct audit *a, mfn_t m, unsigned use, unsigned type)
{
    if (!mfn_is_ram(m))
        return;
    a->tally[m.n].use += use;
    a->tally[m.n].type += type;
}

static void count_table(struct audit *a, mfn_t table, unsigned level)
{
    const pte_t *e = frame_virt(table);

    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        if (!(e[i] & PTE_P) || slot_is_hypervisor(level, i))
            continue;
        count(a, pte_mfn(e[i]), 1, level > 1 || (e[i] & PTE_RW));
    }
}

static void count_vcpus(struct audit *a)
{
    struct vcpu *v;

    for_each_vcpu(v, a->d) {
        if (v->kernel_root)
            count(a, mfn(v->kernel_root >> PAGE_SHIFT), 1, 1);
        if (v->user_root)
            count(a, mfn(v->user_root >> PAGE_SHIFT), 1, 1);
        if (!mfn_is_none(v->info_frame))
            count(a, v->info_frame, 1, 1);
        for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
            if (!mfn_is_none(v->gdt_frames[i]))
                count(a, v->gdt_frames[i], 1, 1);
        for (unsigned i = 0; i < LDT_PAGES; i++)
            if (!mfn_is_none(v->ldt_frames[i]))
                count(a, v->ldt_frames[i], 1, 1);
    }
    if (!mfn_is_none(a->d->paging->result.table))
        count(a, a->d->paging->result.table, 1, 1);
}

static void count_frame(struct audit *a, const struct frame *f)
{
    mfn_t m = mfn_of(f);

    a->frames++;
    count(a, m, (f->use & USE_ALLOCATED) != 0, 0);
    if (f->type & TYPE_PINNED)
        count(a, m, 1, 1);
    if (level_of_type(f->type) && (f->type & TYPE_VALIDATED) && (f->type & TYPE_COUNT))
        count_table(a, m, level_of_type(f->type));
}

static void compare(struct audit *a, const struct frame *f)
{
    const struct tally *t = &a->tally[mfn_of(f).n];
    uint32_t use = f->use & USE_COUNT, type = f->type & TYPE_COUNT;
    bool table = level_of_type(f->type) != 0;

    /* Others may map our frames: more uses, and more writers, than our tables show. */
    if (t->use <= use && (table ? t->type == type : t->type <= type))
        return;
    if (a->differences++ < REPORTED)
        log_warning(
            "audit: d%u frame %lx: type word %x, uses %u (found %u), type count %u (found %u)",
            a->d->id, mfn_of(f).n, f->type, use, t->use, type, t->type);
}

static void each_frame(struct audit *a, void (*fn)(struct audit *, const struct frame *))
{
    for (frame_link_t l = a->d->frames.first; l != FRAME_LINK_NONE; l = frame_table[l].next)
        fn(a, &frame_table[l]);
}

int paging_audit(struct domain *d, uint64_t *frames, uint64_t *differences)
{
    struct audit a = { .d = d };
    size_t bytes = frame_limit * sizeof(struct tally);
    int r;

    a.tally = heap_allocate(bytes);
    if (!a.tally)
        return -ENOMEM;
    r = paging_lock(d);
    if (!r) {
        spin_lock(&d->frames.lock);
        each_frame(&a, count_frame);
        count_vcpus(&a);
        each_frame(&a, compare);
        spin_unlock(&d->frames.lock);
        paging_unlock(d);
    }
    heap_free(a.tally, bytes);
    *frames = a.frames;
    *differences = a.differences;
    return r;
}

/*
 * Descriptor tables: the guest's frames stay ordinary memory, and the processor gets a copy, made
 * and checked when a table is set and kept up by update_descriptor.
 */
#include "guest-cpu/descriptors.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "shadow-paging/shadow.h"

struct descriptor_copy {
    struct descriptor_copy *next;
    uint64_t gfn;
    uint64_t *of; /* a page */
};

/* Copies are memory of the hypervisor's, so they have a bound: a full GDT and LDT of two vCPUs, and
 * four pages of each of the others. */
static unsigned copies_most(const struct domain *d)
{
    return 2 * (GDT_GUEST_PAGES + LDT_PAGES) + 4 * d->max_vcpus;
}

static int copy_locked(struct domain *d, uint64_t gfn, struct descriptor_copy *c)
{
    struct shadow *s = d->shadow;
    mfn_t m = s->closed ? MFN_NONE : guest_frame_mfn(s, gfn);

    if (mfn_is_none(m))
        return -EINVAL;
    if (s->copies_count == copies_most(d))
        return -ENOMEM;
    memcpy(c->of, frame_virt(m), PAGE_SIZE); /* once: the copy is what is checked */
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*c->of); i++)
        if (!descriptor_check(&c->of[i]))
            return -EINVAL;
    c->gfn = gfn;
    c->next = s->copies;
    s->copies = c;
    s->copies_count++;
    return 0;
}

static void copy_free(struct descriptor_copy *c)
{
    if (c && c->of)
        heap_page_free(c->of);
    heap_free(c, sizeof(*c));
}

int copy_get(struct domain *d, uint64_t gfn, mfn_t *m)
{
    struct descriptor_copy *c = heap_allocate(sizeof(*c));
    int r = -ENOMEM;

    if (c && (c->of = heap_page_allocate())) {
        spin_lock(&d->shadow->lock);
        r = copy_locked(d, gfn, c);
        spin_unlock(&d->shadow->lock);
    }
    if (r)
        copy_free(c);
    else
        *m = virt_mfn(c->of);
    return r;
}

void copy_put(struct domain *d, mfn_t m)
{
    struct descriptor_copy **at = &d->shadow->copies, *c;

    spin_lock(&d->shadow->lock);
    while ((*at)->of != frame_virt(m))
        at = &(*at)->next;
    c = *at;
    *at = c->next;
    d->shadow->copies_count--;
    spin_unlock(&d->shadow->lock);
    copy_free(c);
}

uint64_t copy_gfn(struct domain *d, mfn_t m)
{
    struct descriptor_copy *c;
    uint64_t gfn;

    spin_lock(&d->shadow->lock);
    for (c = d->shadow->copies; c->of != frame_virt(m);)
        c = c->next;
    gfn = c->gfn;
    spin_unlock(&d->shadow->lock);
    return gfn;
}

static int update_locked(struct domain *d, uint64_t gfn, unsigned index, uint64_t descriptor)
{
    struct shadow *s = d->shadow;
    mfn_t m = s->closed ? MFN_NONE : guest_frame_mfn(s, gfn);

    if (mfn_is_none(m))
        return -EINVAL;
    write_once(((uint64_t *)frame_virt(m))[index], descriptor);
    frame_dirtied(guest_frame_find(s, gfn));
    for (struct descriptor_copy *c = s->copies; c; c = c->next)
        if (c->gfn == gfn)
            write_once(c->of[index], descriptor);
    table_changed(d, gfn, index, descriptor); /* should it be one, too */
    return 0;
}

int copy_update(struct domain *d, uint64_t address, uint64_t descriptor)
{
    unsigned index = (address & (PAGE_SIZE - 1)) / sizeof(descriptor);
    int r;

    if ((address & 7) || !descriptor_check(&descriptor))
        return -EINVAL;
    spin_lock(&d->shadow->lock);
    r = update_locked(d, address >> PAGE_SHIFT, index, descriptor);
    spin_unlock(&d->shadow->lock);
    return r;
}

/*
 * Everything recounted: what L1 entries hold, who writes what, how tables are linked; and a table
 * in step must be that.
 */
#include "guest-paging/entry-rules.h"
#include "lib/log.h"
#include "memory/machine-to-physical.h"
#include "memory/tally.h"
#include "shadow-paging/shadow.h"

static void complain(const struct domain *d, struct tally *t, const struct shadow_page *p,
                     unsigned index, const char *what)
{
    if (tally_differs(t))
        log_warning("audit: d%u shadow of L%u table %x, entry %u (%lx): %s", d->id, p->level,
                    p->gfn, index, page_entries(p)[index], what);
}

/* *unknown counts entries for grants, of which each must be known to the record of its frame. */
static void tally_leaf(struct domain *d, struct tally *t, const struct shadow_page *p,
                       unsigned index, int64_t *unknown)
{
    pte_t e = page_entries(p)[index];
    const struct guest_frame *f = guest_frame_find(d->shadow, machine_to_physical(pte_mfn(e)));

    tally_add(t, pte_mfn(e), 1, (e & PTE_RW) != 0);
    if (e & ENTRY_FOREIGN) {
        ++*unknown;
        return;
    }
    if (!mfn_is_ram(pte_mfn(e)) || frame_of(pte_mfn(e))->owner != d->frames.index)
        complain(d, t, p, index, "not a frame of its own");
    else if (!f || (f->mfn & MFN_OF) != pte_mfn(e).n)
        complain(d, t, p, index, "a frame without a number");
    else if ((e & PTE_RW) && guest_frame_is_guarded(d->shadow, f))
        complain(d, t, p, index, "a table in step can be written");
}

static void tally_page(struct domain *d, struct tally *t, struct shadow_page *p, int64_t *unknown)
{
    struct shadow *s = d->shadow;
    mfn_t m = guest_frame_mfn(s, p->gfn);
    unsigned present = 0;

    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        pte_t e = page_entries(p)[i];

        if (!(e & PTE_P) || slot_is_hypervisor(p->level, i))
            continue;
        present++;
        if (p->level == 1)
            tally_leaf(d, t, p, i, unknown);
        else if (page_below(s, e)->level != p->level - 1 || !page_below(s, e)->links)
            complain(d, t, p, i, "not a table of the level below");
        if (p->level > 1 && page_below(s, e)->dead)
            continue; /* empty, and replaced when it is used next */
        if (!p->loose && !p->dead &&
            (mfn_is_none(m) || !entry_is_in_step(s, p, ((pte_t *)frame_virt(m))[i], e)))
            complain(d, t, p, i, "the guest's entry is another");
    }
    if (present != p->present)
        complain(d, t, p, 0, "a wrong count of entries");
}

void shadow_tally(struct domain *d, struct tally *t)
{
    struct shadow *s = d->shadow;
    const struct guest_frame *f;
    int64_t unknown = 0;

    for (frame_link_t l = d->frames.first; l != FRAME_LINK_NONE; l = frame_table[l].next)
        tally_add(t, mfn(l), (frame_table[l].use & USE_ALLOCATED) != 0, 0);
    for (page_id id = 1; id <= s->pages; id++)
        if (page_of(s, id)->level)
            tally_page(d, t, page_of(s, id), &unknown);
    for (uint64_t gfn = 0; (f = guest_frame_next(s, &gfn)); gfn++)
        if (f->mfn & FOREIGN) {
            tally_foreign(t, mfn(f->mfn & MFN_OF), !(f->mfn & READ_ONLY), 1);
            unknown -= granted_entries(s, f, false);
        }
    for (uint64_t gfn = 0; (f = guest_frame_next(s, &gfn)); gfn++)
        if (f->mfn & FOREIGN)
            (void)granted_entries(s, f, true);
    if (unknown > 0 && tally_differs(t))
        log_warning("audit: d%u has %ld entries for grants that nobody would find", d->id, unknown);
}

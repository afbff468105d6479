/*
 * What stands in every validated table: each present entry must be one that could be put there
 * now, and is counted for the frame it names.
 */
#include "guest-paging/audit.h"
#include "guest-paging/entry-rules.h"
#include "guest-paging/mirrors.h"
#include "lib/log.h"

/* A table's entry names a table of the level below, of the same owner. */
static bool table_is_fit(const struct domain *d, pte_t e, unsigned level)
{
    const struct frame *f = frame_of(pte_mfn(e));

    return mfn_is_ram(pte_mfn(e)) && f->owner == d->frames.index &&
           (f->type & (TYPE_MASK | TYPE_VALIDATED)) == (type_of_level(level - 1) | TYPE_VALIDATED);
}

static bool entry_is_fit(const struct domain *d, pte_t e, unsigned level)
{
    mfn_t m = pte_mfn(e);

    if (!entry_is_allowed(level, e, d->privileged) || entry_adjust(e) != e)
        return false;
    if (level > 1)
        return table_is_fit(d, e, level);
    if (!mfn_is_ram(m))
        return d->privileged;
    return !(e & PTE_RW) || (frame_of(m)->type & TYPE_MASK) == TYPE_WRITABLE;
}

static void tally_table(struct domain *d, struct tally *t, mfn_t table, unsigned level)
{
    const pte_t *e = frame_virt(table);

    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        if (!(e[i] & PTE_P) || slot_is_hypervisor(level, i))
            continue;
        if (!entry_is_fit(d, e[i], level) && tally_differs(t))
            log_warning("audit: d%u L%u table %lx: entry %u is %lx", d->id, level, table.n, i,
                        e[i]);
        tally_add(t, pte_mfn(e[i]), 1, level > 1 || (e[i] & PTE_RW));
        if (mfn_is_ram(pte_mfn(e[i])) && frame_of(pte_mfn(e[i]))->owner != d->frames.index)
            tally_foreign(t, pte_mfn(e[i]), e[i] & PTE_RW, 1);
    }
}

static void tally_frame(struct domain *d, struct tally *t, const struct frame *f)
{
    mfn_t m = mfn_of(f);

    tally_add(t, m, (f->use & USE_ALLOCATED) != 0, 0);
    if (f->type & TYPE_PINNED)
        tally_add(t, m, 1, 1);
    if (level_of_type(f->type) && (f->type & TYPE_VALIDATED) && (f->type & TYPE_COUNT))
        tally_table(d, t, m, level_of_type(f->type));
}

static void tally_root(struct domain *d, struct tally *t, uint64_t root)
{
    mfn_t m = mfn(root >> PAGE_SHIFT);

    if (!root)
        return;
    if (!table_is_fit(d, root, 5) && tally_differs(t))
        log_warning("audit: d%u root %lx is not one: type word %x", d->id, m.n, frame_of(m)->type);
    tally_add(t, m, 1, 1);
}

void paging_tally(struct domain *d, struct tally *t)
{
    struct vcpu *v;

    for (frame_link_t l = d->frames.first; l != FRAME_LINK_NONE; l = frame_table[l].next)
        tally_frame(d, t, &frame_table[l]);
    for_each_vcpu(v, d) {
        tally_root(d, t, guest_root(v, false));
        tally_root(d, t, guest_root(v, true));
    }
    if (!mfn_is_none(d->paging->result.table))
        tally_add(t, d->paging->result.table, 1, 1);
    if (d->paging->mirrors)
        mirrors_tally(d, t);
}

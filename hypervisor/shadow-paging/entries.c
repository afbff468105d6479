/* One entry of a shadow table, and what it holds of the frame or the table it refers to. */
#include "guest-paging/entry-rules.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "machine/tlb-clock.h"
#include "memory/frame-references.h"
#include "shadow-paging/shadow.h"

static entry_id entry_id_of(const struct shadow_page *p, unsigned index)
{
    return page_id_of(p) * PT_ENTRIES + index;
}

static void writer_add(struct guest_frame *f, entry_id id)
{
    for (unsigned k = 0; k < 2; k++)
        if (!f->writer[k]) {
            f->writer[k] = id;
            return;
        }
}

/* What an L1 entry holds for writing, let go. */
static void write_let_go(struct shadow *s, pte_t e, entry_id id)
{
    struct guest_frame *f = e & ENTRY_FOREIGN ? NULL : guest_frame_of(s, pte_mfn(e));

    for (unsigned k = 0; f && k < 2; k++)
        if (f->writer[k] == id)
            f->writer[k] = 0;
    frame_type_put_plain(pte_mfn(e));
}

static void frame_let_go(struct shadow *s, pte_t e, entry_id id)
{
    if (e & PTE_RW)
        write_let_go(s, e, id);
    frame_put(pte_mfn(e));
}

void entry_protect(struct domain *d, struct shadow_page *p, unsigned index)
{
    pte_t *at = page_entries(p) + index, e = *at;

    if (!(e & PTE_P) || !(e & PTE_RW))
        return;
    atomic_and(at, ~(PTE_RW | PTE_D)); /* as in entry_clear */
    write_let_go(d->shadow, e, entry_id_of(p, index));
}

void entry_clear(struct domain *d, struct shadow_page *p, unsigned index)
{
    struct shadow *s = d->shadow;
    pte_t *at = page_entries(p) + index, e = *at;

    if (!(e & PTE_P) || slot_is_hypervisor(p->level, index))
        return;
    atomic_exchange(at, (pte_t)0); /* before the clock is read that says who has flushed since */
    p->present--;
    if (p->level == 1)
        frame_let_go(s, e, entry_id_of(p, index));
    else
        page_unlink(d, page_below(s, e), entry_id_of(p, index));
}

/* The frame of a leaf entry of the guest's, held for an entry of ours; *rw: also for writing. */
static int frame_take(struct domain *d, struct guest_frame *f, bool *rw)
{
    mfn_t m = mfn(f->mfn & MFN_OF);

    if (f->mfn & FOREIGN)
        return granted_take(d, f, *rw);
    if (!frame_get(m, d->frames.index))
        return -EINVAL;
    if (*rw && frame_type_claim(m, TYPE_WRITABLE))
        *rw = false;
    return 0;
}

int entry_fill(struct domain *d, struct shadow_page *p, unsigned index, pte_t guest,
               struct guest_frame *f, bool write)
{
    struct shadow *s = d->shadow;
    pte_t *at = page_entries(p) + index, e;
    bool rw;

    if (!f || !f->mfn || (f->mfn & LEAVING))
        return -EINVAL;
    /* Without D it is the first store that has to fault. */
    rw = (guest & PTE_RW) && (guest & PTE_D) && !guest_frame_is_guarded(s, f);
    if ((f->mfn & READ_ONLY) || (d->log.on && !write))
        rw = false;
    e = pte_make(mfn(f->mfn & MFN_OF), ENTRY_ALWAYS | (rw ? PTE_RW | PTE_D : 0) | (guest & PTE_NX) |
                                           (f->mfn & FOREIGN ? ENTRY_FOREIGN : 0));
    if (*at == e) {
        if (e & ENTRY_FOREIGN) /* it may have come by another number of the same frame */
            granted_entry_add(d, f, entry_id_of(p, index));
        return 0;
    }
    if (frame_take(d, f, &rw))
        return -EINVAL;
    if (!rw)
        e &= ~(PTE_RW | PTE_D);
    if (*at & PTE_P)
        entry_clear(d, p, index);
    write_once(*at, e);
    p->present++;
    if (rw)
        frame_dirtied(f);
    if (f->mfn & FOREIGN)
        granted_entry_add(d, f, entry_id_of(p, index));
    else if (rw)
        writer_add(f, entry_id_of(p, index));
    return 0;
}

void entry_link(struct domain *d, struct shadow_page *p, unsigned index, pte_t guest,
                struct shadow_page *below)
{
    entry_clear(d, p, index);
    page_link(d, below, entry_id_of(p, index));
    write_once(page_entries(p)[index], entry_to(below, guest));
    p->present++;
}

/* Whether an L1 entry of ours is one for this guest frame. */
static bool maps_frame(const struct guest_frame *f, pte_t e)
{
    return f && !(f->mfn & LEAVING) && (f->mfn & MFN_OF) == pte_mfn(e).n &&
           !(f->mfn & FOREIGN) == !(e & ENTRY_FOREIGN) && !((f->mfn & READ_ONLY) && (e & PTE_RW));
}

/* Whether a table is the shadow of what an upper entry of the guest's names. */
static bool leads_to(const struct shadow_page *below, pte_t guest)
{
    return !(guest & PTE_PS) && !below->dead && below->gfn == pte_mfn(guest).n;
}

/* What the guest's entries must have if ours do: US ours have always, D where they allow writing.
 */
static pte_t limits_of(const struct shadow_page *p)
{
    return PTE_P | PTE_A | PTE_RW | PTE_D | (p->view == VIEW_USER ? PTE_US : 0);
}

static inline bool is_in_step(const struct shadow *s, unsigned level, pte_t limits, pte_t guest,
                              pte_t e)
{
    struct guest_frame *f;

    if (((e & limits) & ~guest) || ((guest & PTE_NX) & ~e))
        return false;
    if (unlikely(level > 1))
        return leads_to(page_below(s, e), guest);
    f = guest_frame_find(s, pte_mfn(guest).n);
    if (likely(f && (f->mfn & ~DIRTY) == pte_mfn(e).n)) /* one of the guest's own, to stay */
        return !(e & ENTRY_FOREIGN);
    return maps_frame(f, e);
}

bool entry_is_in_step(struct shadow *s, const struct shadow_page *p, pte_t guest, pte_t e)
{
    return is_in_step(s, p->level, limits_of(p), guest, e);
}

void entry_compare(struct domain *d, struct shadow_page *p, unsigned index, pte_t guest)
{
    struct shadow *s = d->shadow;
    pte_t e = page_entries(p)[index];

    if (!(e & PTE_P) || slot_is_hypervisor(p->level, index))
        return;
    if (!entry_is_in_step(s, p, guest, e))
        entry_clear(d, p, index);
    else if (e & ENTRY_FOREIGN) /* by another number of the same frame, perhaps */
        granted_entry_add(d, guest_frame_find(s, pte_mfn(guest).n), entry_id_of(p, index));
}

/* Of the entries in a cache line; how many there are. */
static unsigned line_compare(struct domain *d, struct shadow_page *p, unsigned line,
                             const pte_t *guest)
{
    const struct shadow *s = d->shadow;
    const pte_t *ours = page_entries(p), limits = limits_of(p);
    unsigned present = 0, level = p->level;

    for (unsigned i = line; i < line + LINE_ENTRIES; i++) {
        pte_t e = ours[i];

        if (!(e & PTE_P))
            continue;
        present++;
        if ((e & ENTRY_FOREIGN) || !is_in_step(s, level, limits, read_once(guest[i]), e))
            entry_compare(d, p, i, read_once(guest[i]));
    }
    return present;
}

void page_compare(struct domain *d, struct shadow_page *p)
{
    mfn_t m = guest_frame_mfn(d->shadow, p->gfn);
    unsigned left = p->present;

    if (mfn_is_none(m)) {
        page_empty(d, p);
        return;
    }
    for (unsigned line = 0; left && line < PT_ENTRIES; line += LINE_ENTRIES)
        if (!line_is_empty(page_entries(p) + line) && !slot_is_hypervisor(p->level, line))
            left -= line_compare(d, p, line, frame_virt(m));
}

bool writers_remove(struct domain *d, struct guest_frame *f, struct cpu_set *cpus)
{
    struct shadow *s = d->shadow;
    struct cpu_set stale;
    mfn_t m = mfn(f->mfn & MFN_OF);
    struct frame *frame = frame_of(m);

    for (unsigned k = 0; k < 2; k++) {
        pte_t *at;

        if (!f->writer[k])
            continue;
        at = page_entries(page_of(s, f->writer[k] / PT_ENTRIES)) + f->writer[k] % PT_ENTRIES;
        atomic_and(at, ~(PTE_RW | PTE_D)); /* as in entry_clear */
        f->writer[k] = 0;
        frame_type_put_plain(m);
    }
    if (read_once(frame->type) & TYPE_COUNT)
        return false;
    /* Entries that allowed it and were dropped for other reasons may be in TLBs, too. */
    if (tlb_stale_cpus(&d->frames.cpus, read_once(frame->stamp), &stale))
        cpu_set_unite(cpus, &stale);
    return true;
}

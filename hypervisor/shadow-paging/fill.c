/*
 * A fault: the guest's tables are walked as the processor would, and what they allow is put into
 * ours.  The fault is the guest's own if they do not allow it.
 */
#include "guest-paging/entry-rules.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "machine/cpu-features.h"
#include "machine/per-cpu.h"
#include "machine/registers.h"
#include "shadow-paging/shadow.h"

#define DROPS           2 /* tables taken out of use for one fault, about */
#define ALWAYS_REPORTED (PF_WRITE | PF_USER | PF_FETCH)

/* Bits that must be 0: large pages, which a guest of this kind is not offered, and addresses
 * beyond the processor's. */
static pte_t reserved_bits(unsigned level)
{
    return (level > 1 ? PTE_PS : 0) | (PTE_ADDRESS & UINT64_MAX << cpu_features.physical_bits);
}

static pte_t *entry_at(struct shadow *s, uint64_t gfn, unsigned index)
{
    mfn_t m = guest_frame_mfn(s, gfn);

    return mfn_is_none(m) ? NULL : (pte_t *)frame_virt(m) + index;
}

int guest_walk(struct domain *d, uint64_t root, uint64_t address, struct guest_walk *w)
{
    const struct shadow *s = d->shadow;
    pte_t all = UINT64_MAX, any = 0, upper = reserved_bits(2), leaf = reserved_bits(1);
    uint64_t gfn = root;

    w->level = 4;
    if (slot_is_hypervisor(4, pt_index(address, 4)))
        return WALK_ABSENT;
    for (unsigned level = 4; level; level--) {
        mfn_t m = guest_frame_mfn(s, gfn);
        pte_t e;

        w->level = level;
        w->gfn[level] = gfn;
        if (mfn_is_none(m))
            return WALK_ABSENT;
        e = w->entry[level] = read_once(((pte_t *)frame_virt(m))[pt_index(address, level)]);
        if (!(e & PTE_P))
            return WALK_ABSENT;
        if (e & (level > 1 ? upper : leaf))
            return PF_PRESENT | PF_RESERVED;
        all &= e;
        any |= e;
        gfn = pte_mfn(e).n;
    }
    w->gfn[0] = gfn;
    w->all = all;
    w->any = any;
    return 0;
}

/* Whether the guest's tables allow the access; else *error_code says what it is to be told. */
static bool is_allowed(struct domain *d, uint64_t root, uint64_t address, bool user,
                       uint32_t *error_code, struct guest_walk *w)
{
    uint32_t seen = *error_code;
    int r = guest_walk(d, root, address, w);
    struct guest_frame *f;

    *error_code = seen & ALWAYS_REPORTED;
    if (r) {
        *error_code |= (uint32_t)r & (PF_PRESENT | PF_RESERVED);
        return false;
    }
    f = w->frame = guest_frame_find(d->shadow, w->gfn[0]);
    if (!f || !f->mfn || (f->mfn & LEAVING))
        return false;
    *error_code |= PF_PRESENT;
    return (!user || (w->all & PTE_US)) &&
           (!(seen & PF_WRITE) || ((w->all & PTE_RW) && !(f->mfn & READ_ONLY))) &&
           (!(seen & PF_FETCH) || !(w->any & PTE_NX));
}

/* As the processor does on the way: A at every level, D where it writes.  False: an entry is not
 * what it was when it was walked. */
static bool mark_used(struct domain *d, uint64_t address, bool write, struct guest_walk *w)
{
    if ((w->all & PTE_A) && (!write || (w->entry[1] & PTE_D)))
        return true;
    for (unsigned level = 4; level; level--) {
        pte_t bits = PTE_A | (write && level == 1 ? PTE_D : 0), e = w->entry[level];
        pte_t *at;

        if ((e & bits) == bits)
            continue;
        at = entry_at(d->shadow, w->gfn[level], pt_index(address, level));
        if (!atomic_compare_exchange(at, &e, e | bits))
            return false;
        w->entry[level] = e | bits;
        frame_dirtied(guest_frame_find(d->shadow, w->gfn[level]));
    }
    return true;
}

/* Which tables a walk for everybody's or only the kernel's use goes down to: where there is one for
 * the kernel already, it serves both. */
static enum view view_below(struct shadow *s, const struct shadow_page *p, pte_t e, bool user)
{
    if (p->view == VIEW_USER)
        return VIEW_USER;
    if ((e & PTE_P) && p->level > 1 && page_below(s, e)->view == VIEW_KERNEL)
        return VIEW_KERNEL;
    return user ? VIEW_USER : VIEW_KERNEL;
}

/* The table that an entry already leads to, if that is the one for a walk. */
static inline struct shadow_page *below_already(struct shadow *s, pte_t e, uint64_t gfn,
                                                enum view view)
{
    struct shadow_page *p = e & PTE_P ? page_below(s, e) : NULL;

    return p && p->gfn == gfn && p->view == view && !p->dead ? p : NULL;
}

/* Whether the fault has cost as much as it may in one go. */
static bool is_enough(const struct shadow *s, uint32_t drops)
{
    return s->drops - drops > DROPS;
}

/* The tables on the way to an address, kept until path_release: path[4] is there.  -ENOMEM: there
 * is no room for one; -EAGAIN: making them has cost others so much that the rest has to wait. */
static int path_get(struct domain *d, uint64_t address, const struct guest_walk *w,
                    struct shadow_page *path[5])
{
    uint32_t drops = d->shadow->drops;

    path[4]->busy = true;
    for (unsigned level = 4; level > 1; level--) {
        struct shadow_page *p = path[level];
        pte_t e = page_entries(p)[pt_index(address, level)];
        enum view view = view_below(d->shadow, p, e, w->all & PTE_US);
        struct shadow_page *below = below_already(d->shadow, e, w->gfn[level - 1], view);

        if (!below)
            below = page_get(d, w->gfn[level - 1], level - 1U, view, true);
        if (!below)
            return -ENOMEM;
        below->busy = below->recent = true;
        path[level - 1] = below;
        if (level > 2 && is_enough(d->shadow, drops))
            return -EAGAIN;
    }
    return 0;
}

static void path_release(struct shadow_page *path[5])
{
    for (unsigned level = 1; level <= 4; level++)
        if (path[level])
            path[level]->busy = false;
}

static void path_link(struct domain *d, uint64_t address, const struct guest_walk *w,
                      struct shadow_page *path[5])
{
    for (unsigned level = 4; level > 1; level--) {
        unsigned index = pt_index(address, level);

        if (page_entries(path[level])[index] != entry_to(path[level - 1], w->entry[level]))
            entry_link(d, path[level], index, w->entry[level], path[level - 1]);
    }
}

/* There is no room for a table: the clock goes on at the next fault, until it has been everywhere;
 * then all goes that hangs on the root. */
static enum fault_answer no_room(struct vcpu *v, struct shadow_page *root)
{
    struct shadow *s = v->domain->shadow;

    if (s->rounds < 4)
        return FAULT_RESOLVED;
    s->rounds = 0;
    page_drop(v->domain, root);
    if (s->free)
        return FAULT_RESOLVED;
    domain_crash(v->domain, "v%u: no memory for page tables", v->id);
    return FAULT_OF_GUEST;
}

/* What the walk found goes in.  -EAGAIN: a table had to be made, so that it is guarded only now:
 * it may have been changed since it was walked. */
static int fill_by(struct domain *d, uint64_t address, bool write, const struct guest_walk *w,
                   struct shadow_page *path[5])
{
    uint32_t made = d->shadow->made;
    int r;

    r = path_get(d, address, w, path);
    if (r)
        return r;
    if (made != d->shadow->made)
        return -EAGAIN;
    path_link(d, address, w, path);
    if (write && guest_frame_is_guarded(d->shadow, w->frame))
        table_loosen(d, w->frame); /* not before: making tables may take its shadows */
    return entry_fill(d, path[1], pt_index(address, 1), w->entry[1], w->frame, write);
}

/* The last table on the way, if all are there and linked as they have to be; else NULL. */
static struct shadow_page *path_follow(struct shadow *s, struct shadow_page *root, uint64_t address,
                                       const struct guest_walk *w)
{
    struct shadow_page *p = root;

    for (unsigned level = 4; p && level > 1; level--) {
        pte_t e = page_entries(p)[pt_index(address, level)];
        enum view view = view_below(s, p, e, w->all & PTE_US);

        p = below_already(s, e, w->gfn[level - 1], view);
        if (!p || e != entry_to(p, w->entry[level]))
            return NULL;
        p->recent = true;
    }
    return p;
}

static int fill_anew(struct domain *d, struct shadow_page *root, uint64_t address, bool write,
                     const struct guest_walk *w)
{
    struct shadow_page *path[5] = { [4] = root };
    int r = fill_by(d, address, write, w, path);

    path_release(path);
    return r;
}

/* Nearly always no table has to be made, nor to go: then none has to be kept. */
static int fill(struct domain *d, struct shadow_page *root, uint64_t address, bool write,
                const struct guest_walk *w)
{
    struct shadow_page *last;

    if (write && guest_frame_is_guarded(d->shadow, w->frame))
        return fill_anew(d, root, address, write, w);
    last = path_follow(d->shadow, root, address, w);
    if (unlikely(!last))
        return fill_anew(d, root, address, write, w);
    return entry_fill(d, last, pt_index(address, 1), w->entry[1], w->frame, write);
}

/* One walk and what it leads to.  FAULT_RESOLVED: it may take more of them. */
static enum fault_answer walk_and_fill(struct vcpu *v, uint64_t address, bool user,
                                       uint32_t *error_code, bool *again)
{
    struct domain *d = v->domain;
    struct shadow_page *root =
        page_of(d->shadow, d->shadow->root[v->id][user ? VIEW_USER : VIEW_KERNEL].page);
    bool write = *error_code & PF_WRITE, can_finish = (*error_code & PF_USER) && !user;
    struct guest_walk w;
    int r;

    if (!is_allowed(d, root->gfn, address, user, error_code, &w))
        return FAULT_OF_GUEST;
    if (!mark_used(d, address, write, &w))
        return FAULT_RESOLVED;
    if (write && can_finish && guest_frame_is_guarded(d->shadow, w.frame) &&
        store_is_finished(d->shadow, w.frame))
        return FAULT_OF_STORE;
    r = fill(d, root, address, write, &w);
    *again = r == -EAGAIN;
    if (r == -ENOMEM)
        return no_room(v, root);
    return !r || r == -EAGAIN ? FAULT_RESOLVED : FAULT_OF_GUEST;
}

static enum fault_answer fault_locked(struct vcpu *v, uint64_t address, bool user,
                                      uint32_t *error_code)
{
    struct shadow *s = v->domain->shadow;
    enum fault_answer answer = FAULT_OF_GUEST;
    uint32_t drops = s->drops;
    bool again = true;

    if (s->closed || !s->root[v->id][user ? VIEW_USER : VIEW_KERNEL].page)
        return answer;
    for (unsigned walks = 0; again && walks < 4 && !is_enough(s, drops); walks++) {
        again = false;
        answer = walk_and_fill(v, address, user, error_code, &again);
    }
    return answer;
}

enum fault_answer shadow_fault(struct vcpu *v, uint64_t address, uint32_t *error_code)
{
    /* By the tables the processor walked, be it for the guest or for the hypervisor on its behalf:
     * an instruction of user mode is fetched under user mode's root. */
    bool user = this_cpu()->root == v->user_root;
    enum fault_answer answer;

    spin_lock(&v->domain->shadow->lock);
    answer = fault_locked(v, address, user, error_code);
    spin_unlock(&v->domain->shadow->lock);
    return answer;
}

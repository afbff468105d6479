/* The pool of mirrors, and which of them processors have loaded: see mirrors.h. */
#include "guest-paging/mirrors.h"
#include "guest-paging/entry-rules.h"
#include "lib/atomic.h"
#include "lib/bug.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/interrupts.h"
#include "machine/latency.h"
#include "machine/remote.h"
#include "machine/tlb.h"
#include "memory/frame-allocator.h"
#include "memory/heap.h"
#include "memory/hypervisor-mappings.h"
#include "memory/tally.h"

#define MIRRORS_MAX   (MIRROR_CHUNKS * MIRRORS_PER_CHUNK)
#define MIRRORS_SHARE 96 /* about 1 % of the guest's memory */
/* For each vCPU its roots, and four paths: code, two operands and a stack, at once. */
#define MIRRORS_A_VCPU (2 + 4 * 3)

_Static_assert(MIRRORS_MAX <= UINT16_MAX, "a number fits mirror_id");

struct mirror *mirror_of_number(struct mirrors *s, mirror_id id)
{
    return &s->chunk[(id - 1U) / MIRRORS_PER_CHUNK][(id - 1U) % MIRRORS_PER_CHUNK];
}

static mirror_id number_of(const struct mirror *m)
{
    return (mirror_id)frame_of(mfn(m->frame))->next;
}

struct mirror *mirror_behind(struct mirrors *s, uint64_t e)
{
    return mirror_of_number(s, (mirror_id)frame_of(pte_mfn(e))->next);
}

/* Guests choose their tables, but do not know the key. */
static mirror_id *bucket_of(struct mirrors *s, mfn_t table)
{
    return &s->bucket[(table.n * s->key >> 32) % MIRROR_BUCKETS];
}

struct mirror *mirror_find(struct mirrors *s, mfn_t table)
{
    for (mirror_id id = *bucket_of(s, table); id;) {
        struct mirror *m = mirror_of_number(s, id);

        if (m->table == table.n)
            return m;
        id = m->next;
    }
    return NULL;
}

static void mirror_list(struct mirrors *s, struct mirror *m)
{
    mirror_id *bucket = bucket_of(s, mfn(m->table));

    m->next = *bucket;
    *bucket = number_of(m);
}

static void mirror_free(struct mirrors *s, struct mirror *m)
{
    BUG_ON(m->loads);
    write_once(frame_of(mfn(m->frame))->stamp, tlb_stamp());
    m->level = 0;
    m->next = s->free;
    s->free = number_of(m);
    s->unused++;
}

void mirror_drop(struct domain *d, mfn_t table)
{
    struct mirrors *s = d->paging->mirrors;
    struct mirror *m = mirror_find(s, table);
    mirror_id *at = bucket_of(s, table);

    if (!m)
        return;
    while (*at != number_of(m))
        at = &mirror_of_number(s, *at)->next;
    *at = m->next;
    mirror_free(s, m);
}

/* One more than there ever was.  False: not now. */
static bool mirror_add(struct mirrors *s)
{
    struct mirror **chunk = &s->chunk[s->made / MIRRORS_PER_CHUNK], *m;
    mfn_t frame;

    if (s->made >= s->limit || (!*chunk && !(*chunk = heap_page_allocate())))
        return false;
    frame = frames_allocate(0, 0, false);
    if (mfn_is_none(frame))
        return false;
    frame_of(frame)->next = ++s->made;
    m = mirror_of_number(s, (mirror_id)s->made);
    *m = (struct mirror){ .frame = (uint32_t)frame.n };
    mirror_free(s, m);
    return true;
}

/* The guest's part of a root that processors may be walking. */
static void root_empty(struct mirror *m)
{
    pte_t *e = mirror_entries(m);

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        if (e[i] && !slot_is_hypervisor(4, i))
            atomic_exchange(&e[i], (pte_t)0); /* before the TLB clock is read */
}

/* The loaded roots first: who flushes while the others go must not find a way to them after it, as
 * their stamps would say that he has forgotten them. */
static void drop_all(struct mirrors *s)
{
    memset(s->bucket, 0, sizeof(s->bucket));
    for (unsigned id = 1; id <= s->made; id++) {
        struct mirror *m = mirror_of_number(s, (mirror_id)id);

        if (!m->loads)
            continue;
        root_empty(m);
        mirror_list(s, m);
    }
    for (unsigned id = 1; id <= s->made; id++) {
        struct mirror *m = mirror_of_number(s, (mirror_id)id);

        if (m->level && !m->loads)
            mirror_free(s, m);
    }
}

void mirrors_make_room(struct domain *d, unsigned n)
{
    struct mirrors *s = d->paging->mirrors;

    while (s->unused < n && mirror_add(s))
        ;
    if (s->unused < n)
        drop_all(s);
    BUG_ON(s->unused < n);
}

struct mirror *mirror_get(struct domain *d, mfn_t table, unsigned level)
{
    struct mirrors *s = d->paging->mirrors;
    struct mirror *m = mirror_find(s, table);
    struct cpu_set stale;

    if (m)
        return m;
    BUG_ON(!s->free);
    m = mirror_of_number(s, s->free);
    s->free = m->next;
    s->unused--;
    /* Who may still walk it as what it was. */
    if (tlb_stale_cpus(&d->frames.cpus, frame_of(mfn(m->frame))->stamp, &stale))
        tlb_flush_cpus(&stale);
    m->table = (uint32_t)table.n;
    m->level = (uint8_t)level;
    memset(mirror_entries(m), 0, PAGE_SIZE);
    if (level == 4)
        root_table_fill(mirror_entries(m));
    mirror_list(s, m);
    return m;
}

void mirror_entry_clear(struct domain *d, const pte_t *at)
{
    mfn_t table = virt_mfn(at);
    struct mirror *m = mirror_find(d->paging->mirrors, table);
    unsigned index = ((uint64_t)at & (PAGE_SIZE - 1)) / sizeof(*at);

    if (m)
        atomic_exchange(&mirror_entries(m)[index], (pte_t)0); /* before the TLB clock is read */
    frame_mark(d, table);
}

uint64_t mirror_load(struct domain *d, uint64_t root)
{
    struct mirror *m;

    if (!root || !d->paging->mirrored)
        return root;
    mirrors_make_room(d, 1);
    m = mirror_get(d, mfn(root >> PAGE_SHIFT), 4);
    m->loads++;
    return (uint64_t)m->frame << PAGE_SHIFT;
}

void mirror_unload(struct domain *d, uint64_t hardware_root)
{
    if (hardware_root && d->paging->mirrored)
        mirror_behind(d->paging->mirrors, hardware_root)->loads--;
}

/* A mirror's frame is nobody's: that tells it from a table. */
uint64_t mirror_root_table(const struct domain *d, uint64_t hardware_root)
{
    mfn_t m = mfn(hardware_root >> PAGE_SHIFT);

    if (!hardware_root || read_once(frame_of(m)->owner) == d->frames.index)
        return hardware_root;
    return (uint64_t)mirror_behind(d->paging->mirrors, hardware_root)->table << PAGE_SHIFT;
}

/* On each CPU: a root that is one of the domain's becomes its mirror, or back.  The requester has
 * the lock, and vCPUs that are loaded from now on have the new one. */
static void root_to_mirror(uint64_t domain)
{
    struct domain *d = (struct domain *)domain;
    struct mirror *m = mirror_find(d->paging->mirrors, mfn(this_cpu()->root >> PAGE_SHIFT));

    if (m && m->loads)
        root_load((uint64_t)m->frame << PAGE_SHIFT);
}

static void root_to_table(uint64_t domain)
{
    struct mirrors *s = ((struct domain *)domain)->paging->mirrors;
    uint64_t frame = this_cpu()->root >> PAGE_SHIFT;
    frame_link_t id = read_once(frame_of(mfn(frame))->next);
    const struct mirror *m = id && id <= s->made ? mirror_of_number(s, (mirror_id)id) : NULL;

    if (m && m->frame == frame && m->loads)
        root_load((uint64_t)m->table << PAGE_SHIFT);
}

static void roots_exchange(struct domain *d, uint64_t (*by)(struct domain *, uint64_t),
                           void (*on_cpu)(uint64_t))
{
    struct vcpu *v;

    for_each_vcpu(v, d) {
        write_once(v->kernel_root, by(d, v->kernel_root));
        write_once(v->user_root, by(d, v->user_root));
    }
    remote_call(&cpus_online, on_cpu, (uint64_t)d);
}

static uint64_t table_of_root(struct domain *d, uint64_t root)
{
    return mirror_root_table(d, root);
}

int mirrors_make(struct domain *d)
{
    struct mirrors *s = d->paging->mirrors;

    if (s)
        return 0;
    s = heap_allocate(sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->key = (tsc_read() << 1 | 1) * 0x9e3779b97f4a7c15UL; /* odd: no two tables share one */
    atomic_store(&d->paging->mirrors, s);
    return 0;
}

/* As much as is needed for it not to fail later. */
static int pool_make(struct domain *d)
{
    struct mirrors *s = d->paging->mirrors;
    uint64_t most = min(d->frames.limit / MIRRORS_SHARE, (uint64_t)MIRRORS_MAX);
    unsigned least = MIRRORS_A_VCPU * (d->max_vcpus + 1);

    s->limit = (unsigned)max(most, (uint64_t)least);
    while (s->made < least)
        if (!mirror_add(s))
            return -ENOMEM;
    return 0;
}

int mirrors_start(struct domain *d)
{
    int r = pool_make(d);

    if (r)
        return r;
    spin_lock(&d->paging->lock);
    if (d->paging->closed)
        r = -EINVAL;
    if (!r) {
        write_once(d->paging->mirrored, true);
        roots_exchange(d, mirror_load, root_to_mirror);
    }
    spin_unlock(&d->paging->lock);
    return r;
}

int mirrors_stop(struct domain *d)
{
    struct mirrors *s = d->paging->mirrors;

    if (!s)
        return 0;
    spin_lock(&d->paging->lock);
    if (d->paging->mirrored) {
        roots_exchange(d, table_of_root, root_to_table);
        write_once(d->paging->mirrored, false);
        tlb_flush_cpus(&d->frames.cpus); /* nobody walks any of them */
    }
    spin_unlock(&d->paging->lock);
    memset(s->bucket, 0, sizeof(s->bucket)); /* nobody looks at them now */
    s->unused = s->free = 0;
    while (s->made) {
        frames_free(mfn(mirror_of_number(s, (mirror_id)s->made--)->frame), 0);
        if (s->made && latency_is_due() && preempt_point())
            return -ERESTART;
    }
    return 0;
}

void mirrors_destroy(struct domain *d)
{
    struct mirrors *s = d->paging->mirrors;

    if (!s)
        return;
    for (unsigned i = 0; i < MIRROR_CHUNKS && s->chunk[i]; i++)
        heap_page_free(s->chunk[i]);
    for (unsigned i = 0; i < MIRROR_MARKS_PAGES && s->marks[i]; i++)
        heap_page_free(s->marks[i]);
    heap_free(s, sizeof(*s));
    d->paging->mirrors = NULL;
}

/* What stands in a mirror must be what the guest's entry allows. */
static bool is_fit(struct mirrors *s, pte_t e, pte_t guest, unsigned level)
{
    if (((e & (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)) & ~guest & ~(level > 1 ? PTE_D : 0UL)) ||
        ((guest & PTE_NX) & ~e))
        return false;
    if (level == 1)
        return pte_mfn(e).n == pte_mfn(guest).n;
    return mirror_behind(s, e)->table == pte_mfn(guest).n &&
           mirror_behind(s, e)->level == level - 1;
}

static unsigned loads_of(struct domain *d, const struct mirror *m)
{
    unsigned n = 0;
    struct vcpu *v;

    for_each_vcpu(v, d)
        n += (v->kernel_root >> PAGE_SHIFT == m->frame) + (v->user_root >> PAGE_SHIFT == m->frame);
    return n;
}

void mirrors_tally(struct domain *d, struct tally *t)
{
    struct mirrors *s = d->paging->mirrors;

    for (unsigned id = 1; d->paging->mirrored && id <= s->made; id++) {
        const struct mirror *m = mirror_of_number(s, (mirror_id)id);
        const pte_t *guest = frame_virt(mfn(m->table));

        if (m->level && m->loads != loads_of(d, m) && tally_differs(t))
            log_warning("audit: d%u mirror of L%u table %x: loaded %u times, not %u", d->id,
                        m->level, m->table, loads_of(d, m), m->loads);
        for (unsigned i = 0; m->level && i < PT_ENTRIES; i++) {
            pte_t e = mirror_entries(m)[i];

            if ((e & PTE_P) && !slot_is_hypervisor(m->level, i) &&
                !is_fit(s, e, guest[i], m->level) && tally_differs(t))
                log_warning("audit: d%u mirror of L%u table %x: entry %u is %lx for %lx", d->id,
                            m->level, m->table, i, e, guest[i]);
        }
    }
}

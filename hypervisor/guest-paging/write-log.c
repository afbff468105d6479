/*
 * Direct mode's part in the log of frames that may have been written (domain/dirty-log.h): marks by
 * the number that the machine-to-physical table has for a frame.
 */
#include "guest-paging/mirrors.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "machine/interrupts.h"
#include "machine/latency.h"
#include "machine/tlb.h"
#include "memory/heap.h"
#include "memory/machine-to-physical.h"

#define TABLES_AT_ONCE 4 /* with the lock held */
#define FRAMES_AT_ONCE 512

/* Where the mark of one of the domain's frames is; NULL: it has no number, or one too high. */
static uint64_t *mark_at(const struct domain *d, mfn_t m, uint64_t *bit)
{
    struct mirrors *s = d->paging->mirrors;
    uint64_t pfn, *page;

    if (!mfn_is_ram(m) || read_once(frame_of(m)->owner) != d->frames.index)
        return NULL;
    pfn = machine_to_physical(m);
    if (pfn >= LOG_FRAMES_MAX || !(page = atomic_load(&s->marks[pfn / MIRROR_MARKS])))
        return NULL;
    *bit = BIT(pfn % 64);
    return &page[pfn % MIRROR_MARKS / 64];
}

void frame_mark(struct domain *d, mfn_t m)
{
    uint64_t bit, *at = mark_at(d, m, &bit);

    if (at && !(read_once(*at) & bit))
        atomic_or(at, bit);
}

bool frame_is_marked(const struct domain *d, mfn_t m)
{
    uint64_t bit, *at = mark_at(d, m, &bit);

    return at && (read_once(*at) & bit);
}

/* Room for the numbers of a guest that leaves as much room between its frames as they take. */
static int marks_make(struct domain *d)
{
    struct mirrors *s = d->paging->mirrors;
    uint64_t pages = min(d->frames.limit / (MIRROR_MARKS / 2) + 2, MIRROR_MARKS_PAGES);

    for (uint64_t i = 0; i < pages; i++) {
        if (s->marks[i])
            continue;
        atomic_store(&s->marks[i], heap_page_allocate());
        if (!s->marks[i])
            return -ENOMEM;
        if (latency_is_due() && preempt_point())
            return -ERESTART;
    }
    return 0;
}

int direct_log_start(struct domain *d)
{
    int r = mirrors_make(d);

    if (!r)
        r = marks_make(d);
    if (!r)
        r = mirrors_stop(d); /* an end of which was interrupted */
    if (!r)
        r = mirrors_start(d);
    if (r == -ENOMEM)
        (void)!mirrors_stop(d); /* what is left goes the next time */
    return r;
}

/* The marks of some numbers go; true: these were the last. */
static bool marks_forget(struct mirrors *s, uint64_t *next)
{
    if (*next >= MIRROR_MARKS_PAGES || !s->marks[*next])
        return true;
    for (unsigned i = 0; i < MIRROR_MARKS / 64; i++) /* others may be marking */
        write_once(s->marks[*next][i], 0);
    ++*next;
    return false;
}

/* Some mirrors; true: these were the last, and nobody writes by what they allowed any more. */
static bool entries_protect(struct domain *d, uint64_t *next)
{
    struct mirrors *s = d->paging->mirrors;

    for (unsigned n = 0; n < TABLES_AT_ONCE; n++) {
        const struct mirror *m;

        if (*next >= s->made) {
            tlb_flush_cpus(&d->frames.cpus);
            return true;
        }
        m = mirror_of_number(s, (mirror_id)(*next += 1));
        for (unsigned i = 0; m->level == 1 && i < PT_ENTRIES; i++) {
            pte_t *at = mirror_entries(m) + i, e = read_once(*at);

            if (e & PTE_RW)
                atomic_and(at, ~(PTE_RW | PTE_D)); /* before it is looked who has roots loaded */
        }
    }
    return false;
}

static void mark_if_held(struct frame_owner *owner, mfn_t m)
{
    if (read_once(frame_of(m)->type) & TYPE_HELD)
        frame_mark(container_of(owner, struct domain, frames), m);
}

static void mark(struct frame_owner *owner, mfn_t m)
{
    frame_mark(container_of(owner, struct domain, frames), m);
}

/* What the hypervisor and the processor write for its vCPUs whenever they like. */
static void mark_of_vcpus(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu(v, d) {
        frame_mark(d, v->info_frame);
        for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
            frame_mark(d, v->gdt_frames[i]);
        for (unsigned i = 0; i < LDT_PAGES; i++)
            frame_mark(d, v->ldt_frames[i]);
    }
}

bool direct_log_step(struct domain *d, enum log_phase phase, uint64_t *next)
{
    bool first = !*next, done;

    switch (phase) {
    case LOG_FORGET:
        return marks_forget(d->paging->mirrors, next);
    case LOG_ENTRIES:
        spin_lock(&d->paging->lock);
        done = !d->paging->mirrored || entries_protect(d, next);
        spin_unlock(&d->paging->lock);
        return done;
    case LOG_HOLDERS:
        *next = 1;
        if (first)
            mark_of_vcpus(d);
        return frame_owner_look(&d->frames, first, FRAMES_AT_ONCE, mark_if_held);
    default:
        *next = 1;
        return frame_owner_look(&d->frames, first, FRAMES_AT_ONCE, mark);
    }
}

/* One word of marks: those of `mask`. */
static uint64_t word_take(uint64_t *at, uint64_t mask, bool clean)
{
    return (clean ? atomic_and(at, ~mask) : read_once(*at)) & mask;
}

unsigned direct_log_take(struct domain *d, uint64_t first, unsigned n, uint8_t *bits, bool clean)
{
    uint64_t *page = d->paging->mirrors->marks[first / MIRROR_MARKS];
    unsigned found = 0;

    for (unsigned i = 0; page && i < n; i += 64) {
        uint64_t mask = n - i < 64 ? BIT(n - i) - 1 : UINT64_MAX;
        uint64_t word = word_take(&page[(first + i) % MIRROR_MARKS / 64], mask, clean);

        memcpy(bits + i / 8, &word, n - i < 64 ? (n - i + 7) / 8 : 8);
        found += bit_count(word);
    }
    return found;
}

/*
 * Which guest frames may have been written since the log was begun, or read with `clean`.
 *
 * An entry that allows writing, a store that is finished for the guest and everybody else who asks
 * to write mark their frame before they do (frame_dirtied).  After marks are taken off, entries
 * become for reading only again and translations are flushed, so that the next write faults; until
 * then writes are not marked, but are over before the reader goes on to look at the frame.  Who
 * holds a frame for writing all the time, a backend or a device, is never seen to write: such
 * frames are marked again at once.
 */
#include "domain/guest-memory.h"
#include "lib/errno.h"
#include "lib/spinlock.h"
#include "machine/interrupts.h"
#include "machine/latency.h"
#include "machine/tlb.h"
#include "shadow-paging/shadow.h"

#define FRAMES_AT_ONCE 512 /* with the lock held */
#define TABLES_AT_ONCE 4

static bool is_own(const struct guest_frame *f)
{
    return f && f->mfn && !(f->mfn & (LEAVING | FOREIGN));
}

/* Some records; true: it was the last. */
static bool records_some(struct shadow *s, void (*visit)(struct guest_frame *))
{
    struct guest_frame *f;

    for (unsigned n = 0; n < FRAMES_AT_ONCE; n++, s->log.next++) {
        f = guest_frame_next(s, &s->log.next);
        if (!f)
            return true;
        if (is_own(f))
            visit(f);
    }
    return false;
}

static void forget(struct guest_frame *f)
{
    f->mfn &= ~DIRTY;
}

static void mark_if_held(struct guest_frame *f)
{
    if (read_once(frame_of(mfn(f->mfn & MFN_OF))->type) & TYPE_COUNT)
        frame_dirtied(f);
}

/* Some tables; true: these were the last, and nobody writes by what they allowed any more. */
static bool entries_some(struct domain *d)
{
    struct shadow *s = d->shadow;

    for (unsigned n = 0; n < TABLES_AT_ONCE; n++) {
        struct shadow_page *p;

        if (s->log.next >= s->pages) {
            tlb_flush_cpus(read_once(d->frames.cpus));
            return true;
        }
        p = page_of(s, (page_id)++s->log.next);
        for (unsigned i = 0; p->level == 1 && p->present && i < PT_ENTRIES; i++)
            if (!(page_entries(p)[i] & ENTRY_FOREIGN))
                entry_protect(d, p, i);
    }
    return false;
}

static void phase_begin(struct shadow *s, enum log_phase phase)
{
    s->log.phase = phase;
    s->log.next = 0;
}

/* One step with the lock held of what follows when marks have been taken off. */
static void clean_step(struct domain *d)
{
    struct shadow *s = d->shadow;

    switch (s->log.phase) {
    case LOG_FORGET:
        if (records_some(s, forget))
            phase_begin(s, LOG_ENTRIES);
        break;
    case LOG_ENTRIES:
        if (entries_some(d))
            phase_begin(s, LOG_WRITERS);
        break;
    default:
        if (records_some(s, s->log.phase == LOG_WRITERS ? mark_if_held : frame_dirtied))
            phase_begin(s, LOG_IDLE);
    }
}

/* 0, -ERESTART. */
static int clean_all(struct domain *d)
{
    struct shadow *s = d->shadow;

    while (s->log.phase != LOG_IDLE) {
        spin_lock(&s->lock);
        if (s->closed)
            phase_begin(s, LOG_IDLE);
        else
            clean_step(d);
        spin_unlock(&s->lock);
        if (s->log.phase != LOG_IDLE && latency_is_due() && preempt_point())
            return -ERESTART; /* once done it is not: the caller would begin anew */
    }
    return 0;
}

/* Whether another operation has been interrupted and not gone on yet: there is one at a time. */
static bool is_another(const struct dirty_log *log, enum log_op op, guest_handle_t bitmap)
{
    return log->phase != LOG_IDLE && (log->op != op || log->bitmap != bitmap);
}

int shadow_log_begin(struct domain *d)
{
    struct shadow *s = d->shadow;

    if (is_another(&s->log, LOG_BEGIN, 0))
        return -EBUSY;
    if (s->log.phase == LOG_IDLE) {
        if (s->log.on)
            return -EINVAL;
        s->log.on = true;
        s->log.op = LOG_BEGIN;
        s->log.bitmap = 0;
        phase_begin(s, LOG_FORGET);
    }
    return clean_all(d);
}

int shadow_log_end(struct domain *d)
{
    d->shadow->log.on = false;
    phase_begin(d->shadow, LOG_IDLE);
    return 0;
}

/* The marks of up to FRAMES_AT_ONCE frames, as bits. */
static void bits_take(struct shadow *s, uint8_t *bits, uint64_t n, bool clean)
{
    spin_lock(&s->lock);
    for (uint64_t i = 0; i < n && !s->closed; i++) {
        struct guest_frame *f = guest_frame_find(s, s->log.next + i);

        if (!is_own(f) || !(f->mfn & DIRTY))
            continue;
        bits[i / 8] |= (uint8_t)(1U << i % 8);
        s->log.dirty++;
        if (clean)
            forget(f);
    }
    spin_unlock(&s->lock);
}

/* All bits to the reader.  0, -ERESTART, -EFAULT. */
static int bits_copy(struct shadow *s, guest_handle_t bitmap, uint64_t frames, bool clean)
{
    while (s->log.next < frames) {
        uint64_t n = min(frames - s->log.next, (uint64_t)FRAMES_AT_ONCE);
        uint8_t bits[FRAMES_AT_ONCE / 8] = { 0 };

        bits_take(s, bits, n, clean);
        if (bitmap && guest_write(bitmap + s->log.next / 8, bits, (n + 7) / 8))
            return -EFAULT;
        s->log.next += n;
        if (latency_is_due() && preempt_point())
            return -ERESTART;
    }
    return 0;
}

int shadow_log_read(struct domain *d, guest_handle_t bitmap, uint64_t *frames, bool clean,
                    uint64_t *dirty)
{
    struct shadow *s = d->shadow;
    enum log_op op = clean ? LOG_CLEAN : LOG_PEEK;
    int r = 0;

    if (!s->log.on)
        return -EINVAL;
    if (is_another(&s->log, op, bitmap))
        return -EBUSY;
    *frames = min(*frames, GFN_LIMIT);
    if (s->log.phase == LOG_IDLE) {
        s->log.op = op;
        s->log.bitmap = bitmap;
        s->log.dirty = 0;
        s->log.failed = false;
        phase_begin(s, LOG_BITS);
    }
    if (s->log.phase == LOG_BITS) {
        r = bits_copy(s, bitmap, *frames, clean);
        if (r == -ERESTART)
            return r;
        s->log.failed = r != 0;
        phase_begin(s, !clean ? LOG_IDLE : r ? LOG_ALL : LOG_ENTRIES);
    }
    r = clean_all(d);
    *dirty = s->log.dirty;
    return r ? r : s->log.failed ? -EFAULT : 0;
}

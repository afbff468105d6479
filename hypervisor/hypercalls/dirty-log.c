/*
 * Which frames of a domain may have been written since the log was begun, or read with `clean`.
 *
 * Whoever makes it possible to write a frame marks it (the domain's paging mode).  After marks are
 * taken off, entries become for reading only again and translations are flushed, so that the next
 * write faults; until then writes are not marked, but are over before the reader goes on to look at
 * the frame.  Who holds a frame for writing all the time, a backend or the hypervisor itself, is
 * never seen to write: such frames are marked again at once.
 */
#include "hypercalls/dirty-log.h"
#include "domain/guest-memory.h"
#include "grants/grant-table.h"
#include "lib/errno.h"
#include "machine/interrupts.h"
#include "machine/latency.h"

#define FRAMES_AT_ONCE 512

static void phase_begin(struct dirty_log *log, enum log_phase phase)
{
    log->phase = phase;
    log->next = 0;
}

static enum log_phase phase_after(enum log_phase phase)
{
    return phase == LOG_FORGET    ? LOG_ENTRIES
           : phase == LOG_ENTRIES ? LOG_HOLDERS
           : phase == LOG_HOLDERS ? LOG_GRANTS
                                  : LOG_IDLE;
}

static bool phase_step(struct domain *d)
{
    struct dirty_log *log = &d->log;

    if (log->phase == LOG_GRANTS)
        return grants_for_writing_mark(d, &log->next);
    return d->mode->log_step(d, log->phase, &log->next);
}

/* What follows when marks have been taken off.  0, -ERESTART. */
static int clean_all(struct domain *d)
{
    struct dirty_log *log = &d->log;

    while (log->phase != LOG_IDLE) {
        if (phase_step(d))
            phase_begin(log, phase_after(log->phase));
        if (log->phase != LOG_IDLE && latency_is_due() && preempt_point())
            return -ERESTART; /* once done it is not: the caller would begin anew */
    }
    return 0;
}

/* Whether another operation has been interrupted and not gone on yet: there is one at a time. */
static bool is_another(const struct dirty_log *log, enum log_op op, guest_handle_t bitmap)
{
    return log->phase != LOG_IDLE && (log->op != op || log->bitmap != bitmap);
}

static void op_begin(struct dirty_log *log, enum log_op op, guest_handle_t bitmap,
                     enum log_phase phase)
{
    log->op = op;
    log->bitmap = bitmap;
    log->dirty = 0;
    log->failed = false;
    phase_begin(log, phase);
}

int dirty_log_begin(struct domain *d)
{
    struct dirty_log *log = &d->log;
    int r;

    if (is_another(log, LOG_BEGIN, 0))
        return -EBUSY;
    if (log->phase == LOG_IDLE) {
        if (log->on)
            return -EINVAL;
        op_begin(log, LOG_BEGIN, 0, LOG_START);
    }
    if (log->phase == LOG_START) {
        r = d->mode->log_start(d);
        if (r == -ERESTART)
            return r;
        write_once(log->on, !r);
        phase_begin(log, r ? LOG_IDLE : LOG_FORGET);
        if (r)
            return r;
    }
    return clean_all(d);
}

int dirty_log_end(struct domain *d)
{
    write_once(d->log.on, false);
    phase_begin(&d->log, LOG_IDLE);
    return d->mode->log_stop(d);
}

/* All bits to the reader.  0, -ERESTART, -EFAULT. */
static int bits_copy(struct domain *d, uint64_t frames, bool clean)
{
    struct dirty_log *log = &d->log;

    while (log->next < frames) {
        unsigned n = (unsigned)min(frames - log->next, (uint64_t)FRAMES_AT_ONCE);
        uint8_t bits[FRAMES_AT_ONCE / 8] = { 0 };

        log->dirty += d->mode->log_take(d, log->next, n, bits, clean);
        if (log->bitmap && guest_write(log->bitmap + log->next / 8, bits, (n + 7) / 8))
            return -EFAULT;
        log->next += n;
        if (latency_is_due() && preempt_point())
            return -ERESTART;
    }
    return 0;
}

int dirty_log_read(struct domain *d, guest_handle_t bitmap, uint64_t *frames, bool clean,
                   uint64_t *dirty)
{
    struct dirty_log *log = &d->log;
    enum log_op op = clean ? LOG_CLEAN : LOG_PEEK;
    int r;

    if (!log->on)
        return -EINVAL;
    if (is_another(log, op, bitmap))
        return -EBUSY;
    *frames = min(*frames, LOG_FRAMES_MAX);
    if (log->phase == LOG_IDLE)
        op_begin(log, op, bitmap, LOG_BITS);
    if (log->phase == LOG_BITS) {
        r = bits_copy(d, *frames, clean);
        if (r == -ERESTART)
            return r;
        log->failed = r != 0;
        phase_begin(log, !clean ? LOG_IDLE : r ? LOG_ALL : LOG_ENTRIES);
    }
    r = clean_all(d);
    *dirty = log->dirty;
    return r ? r : log->failed ? -EFAULT : 0;
}

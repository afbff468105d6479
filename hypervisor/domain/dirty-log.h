/*
 * The log of the frames of a domain that anybody may have written, by the number its kernel knows
 * them by: what is kept of it for every paging mode (hypercalls/dirty-log.c drives it, the mode
 * does what a phase asks of it).
 *
 * Reading or beginning it goes in steps, and goes on where it was interrupted; there is one such
 * operation at a time.  Guarded by the lock of all operations on domains, but for `on`, which the
 * mode may look at under its own.
 */
#ifndef DOMAIN_DIRTY_LOG_H
#define DOMAIN_DIRTY_LOG_H

#include "hypercall-abi/types.h"
#include "lib/types.h"

#define LOG_FRAMES_MAX (1UL << 26) /* no number is logged from here on */

enum log_op { LOG_BEGIN, LOG_CLEAN, LOG_PEEK };

enum log_phase {
    LOG_IDLE,
    LOG_START,   /* the mode begins to see who writes */
    LOG_FORGET,  /* all marks are taken off */
    LOG_BITS,    /* marks go to the reader */
    LOG_ENTRIES, /* nobody writes by entries or translations that allow it unseen */
    LOG_HOLDERS, /* frames that somebody holds for writing all the time are marked again at once */
    LOG_GRANTS,  /* likewise those that are granted and in use for writing */
    LOG_ALL,     /* every frame is marked: marks taken off did not reach their reader */
};

struct dirty_log {
    bool on;
    bool failed;
    enum log_op op; /* that is under way, and to where */
    guest_handle_t bitmap;
    enum log_phase phase;
    uint64_t next;  /* how far the phase has come; its own numbers */
    uint64_t dirty; /* found so far */
};

#endif

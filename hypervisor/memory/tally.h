/* Counting references to frames from scratch, for an audit. */
#ifndef MEMORY_TALLY_H
#define MEMORY_TALLY_H

#include "memory/frame.h"

#define TALLY_REPORTED 8 /* differences named in the log */

struct tally {
    struct tally_count {
        uint32_t use, type;
        /* While one domain is counted: its entries for this frame of another's, less its mapped
         * grants of it; those that allow writing, likewise. */
        int32_t foreign, foreign_writable;
        uint32_t next_foreign; /* in the list of those: one more than its number; 0: not in it */
    } * of;                    /* by frame number */
    uint32_t first_foreign;    /* likewise; 0: there is none */
    uint64_t frames, differences;
};

#define TALLY_LAST UINT32_MAX /* next_foreign of the list's last */

/* What an owner's reference, an entry, a pin, a grant in use, ... accounts for. */
static inline void tally_add(struct tally *t, mfn_t m, unsigned use, unsigned type)
{
    if (!mfn_is_ram(m))
        return;
    t->of[m.n].use += use;
    t->of[m.n].type += type;
}

static inline void tally_foreign(struct tally *t, mfn_t m, bool writable, int n)
{
    struct tally_count *c = &t->of[m.n];

    if (!c->next_foreign) {
        c->next_foreign = t->first_foreign ? t->first_foreign : TALLY_LAST;
        t->first_foreign = (uint32_t)m.n + 1;
    }
    c->foreign += n;
    c->foreign_writable += writable ? n : 0;
}

/* True: the difference is among the first, say what it is. */
static inline bool tally_differs(struct tally *t)
{
    return t->differences++ < TALLY_REPORTED;
}

#endif

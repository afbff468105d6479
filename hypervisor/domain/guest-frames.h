/* Frames by the number a domain knows them by, to be written on its behalf. */
#ifndef DOMAIN_GUEST_FRAMES_H
#define DOMAIN_GUEST_FRAMES_H

#include "domain/domain.h"
#include "lib/errno.h"
#include "memory/frame-references.h"

/* guest_frame_put_written gives it back.  -EINVAL: none of the domain's; -EBUSY: in use as a table.
 */
static inline int must_check guest_frame_get_writable(struct domain *d, uint64_t gfn, mfn_t *m)
{
    int r = d->mode->frame_get(d, gfn, m);

    if (r)
        return r;
    if (frame_type_claim(*m, TYPE_WRITABLE)) {
        frame_put(*m);
        return -EBUSY;
    }
    d->mode->written_by_others(d, *m);
    return 0;
}

/* What was written since has come after a reader of the log took the mark off, perhaps. */
static inline void guest_frame_put_written(struct domain *d, mfn_t m)
{
    if (unlikely(read_once(d->log.on)))
        d->mode->written_by_others(d, m);
    frame_put_writable(m);
}

#endif

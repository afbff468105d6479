/* grant_table_op: each operation takes an array; a bad element gets a status, not an error. */
#include "hypercall-abi/grants.h"
#include "domain/guest-memory.h"
#include "grants/copy.h"
#include "grants/map.h"
#include "hypercalls/continuation.h"
#include "hypercalls/handlers.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "machine/interrupts.h"
#include "machine/latency.h"
#include "machine/tlb.h"

#define UNMAP_BATCH   32
#define PREEMPT_EVERY 16

static int target_get(domid_t id, struct domain **out, int16_t *status)
{
    struct domain *self = current_domain();

    *status = GNTST_okay;
    *out = domain_get(id);
    if (!*out)
        *status = GNTST_bad_domain;
    else if (*out != self && !self->privileged) {
        domain_put(*out);
        *status = GNTST_permission_denied;
    }
    return *status;
}

static int map_one(struct vcpu *v, uint64_t at)
{
    struct gnttab_map_grant_ref op;
    int r;

    if (guest_read(&op, at, sizeof(op)))
        return -EFAULT;
    r = grant_map(v, &op);
    return r ? r : guest_write(at, &op, sizeof(op));
}

/* Each element may have waited for other CPUs to flush. */
static bool must_pause(uint32_t done)
{
    return ((done && done % PREEMPT_EVERY == 0) || latency_is_due()) && preempt_point();
}

/* Elements one by one; returns how many are done through *done. */
static int each(struct vcpu *v, uint64_t list, uint32_t n, size_t size,
                int (*one)(struct vcpu *, uint64_t), uint32_t *done)
{
    int r = 0;

    for (*done = 0; *done < n && !r; *done += !r) {
        if (must_pause(*done))
            return -ERESTART;
        r = one(v, list + *done * size);
    }
    return r;
}

static int copy_one(struct grant_copier *copier, uint64_t at)
{
    struct gnttab_copy op;

    if (guest_read(&op, at, sizeof(op)))
        return -EFAULT;
    op.status = (int16_t)grant_copy(copier, &op);
    return guest_write(at + offsetof(struct gnttab_copy, status), &op.status, sizeof(op.status));
}

static int copy(struct vcpu *v, uint64_t list, uint32_t n, uint32_t *done)
{
    struct grant_copier copier = { .self = v->domain };
    int r = 0;

    for (*done = 0; *done < n && !r; *done += !r)
        r = must_pause(*done) ? -ERESTART
                              : copy_one(&copier, list + *done * sizeof(struct gnttab_copy));
    grant_copier_release(&copier);
    return r;
}

static int unmap_one(struct vcpu *v, uint64_t at, struct grant_unmapping *u)
{
    struct gnttab_unmap_grant_ref op;
    int r;

    if (guest_read(&op, at, sizeof(op)))
        return -EFAULT;
    r = grant_unmap_begin(v, &op, u);
    return r ? r : guest_write(at, &op, sizeof(op));
}

static int replace_one(struct vcpu *v, uint64_t at, struct grant_unmapping *u)
{
    struct gnttab_unmap_and_replace op;
    int r;

    if (guest_read(&op, at, sizeof(op)))
        return -EFAULT;
    r = grant_replace_begin(v, &op, u);
    return r ? r : guest_write(at, &op, sizeof(op));
}

typedef int (*unmap_fn)(struct vcpu *, uint64_t at, struct grant_unmapping *);

#define UNMAP_BYTES sizeof(struct gnttab_unmap_grant_ref)
_Static_assert(sizeof(struct gnttab_unmap_and_replace) == UNMAP_BYTES, "both kinds go by lists");

/* A batch's mappings go first, then one flush, then the grants.  Grants that were only pinned, for
 * a device, need no flush. */
static int unmap_batch(struct vcpu *v, uint64_t list, uint32_t n, unmap_fn one, uint32_t *done)
{
    struct grant_unmapping u[UNMAP_BATCH];
    bool flush = false;
    uint32_t begun = 0, ended;
    int r = 0;

    for (; begun < n && !r; begun++) {
        u[begun] = (struct grant_unmapping){ .granter = NULL };
        r = one(v, list + begun * UNMAP_BYTES, &u[begun]);
        flush |= u[begun].was_mapped;
    }
    ended = begun;
    if (r == -ERESTART)
        begun--; /* it is tried again */
    v->tlb_flushes += flush;
    if (flush)
        tlb_flush_cpus(&v->domain->frames.cpus);
    for (uint32_t i = 0; i < ended; i++)
        grant_unmap_end(&u[i]);
    *done += begun;
    return r;
}

static int unmap(struct vcpu *v, uint64_t list, uint32_t n, unmap_fn one, uint32_t *done)
{
    int r = 0;

    for (*done = 0; *done < n && !r;) {
        uint32_t batch = min(n - *done, (uint32_t)UNMAP_BATCH);

        if (*done && preempt_point())
            return -ERESTART;
        r = unmap_batch(v, list + *done * UNMAP_BYTES, batch, one, done);
    }
    return r;
}

static int write_frames(struct domain *d, const struct gnttab_setup_table *op)
{
    for (uint32_t i = 0; i < op->nr_frames; i++) {
        xen_pfn_t frame = grant_table_frame(d, i);

        if (guest_write_element(op->frame_list, i, &frame))
            return -EFAULT;
    }
    return 0;
}

static int setup_table(struct vcpu *v maybe_unused, uint64_t at)
{
    struct gnttab_setup_table op;
    struct domain *d;
    int r = 0;

    if (guest_read(&op, at, sizeof(op)))
        return -EFAULT;
    if (!target_get(op.dom, &d, &op.status)) {
        r = grant_table_grow(d, op.nr_frames);
        if (r && r != -ERESTART)
            op.status = GNTST_general_error;
        if (r != -ERESTART)
            r = r ? 0 : write_frames(d, &op);
        domain_put(d);
    }
    return r ? r : guest_write(at, &op, sizeof(op));
}

static int query_size(struct vcpu *v maybe_unused, uint64_t at)
{
    struct gnttab_query_size op;
    struct domain *d;

    if (guest_read(&op, at, sizeof(op)))
        return -EFAULT;
    if (!target_get(op.dom, &d, &op.status)) {
        op.nr_frames = d->grants->frames;
        op.max_nr_frames = d->grants->max_frames;
        domain_put(d);
    }
    return guest_write(at, &op, sizeof(op));
}

static int set_version(uint64_t at)
{
    struct gnttab_set_version op;
    uint32_t wanted;

    if (guest_read(&op, at, sizeof(op)))
        return -EFAULT;
    wanted = op.version;
    if (wanted != 1 && wanted != 2)
        return -EINVAL;
    op.version = 1;
    if (guest_write(at, &op, sizeof(op)))
        return -EFAULT;
    return wanted == 1 ? 0 : -ENOSYS; /* format 2 is not offered */
}

static int get_version(struct vcpu *v maybe_unused, uint64_t at)
{
    struct gnttab_get_version op;
    struct domain *d;
    int16_t status;

    if (guest_read(&op, at, sizeof(op)))
        return -EFAULT;
    if (target_get(op.dom, &d, &status))
        return status == GNTST_bad_domain ? -ESRCH : -EPERM;
    domain_put(d);
    op.version = 1;
    return guest_write(at, &op, sizeof(op));
}

int64_t hypercall_do_grant_table_op(uint64_t cmd, uint64_t list, uint64_t count)
{
    struct vcpu *v = current_vcpu();
    uint32_t n = (uint32_t)count, done = 0;
    size_t size = 0;
    int r;

    if ((int32_t)n < 0)
        return -EINVAL;
    switch (cmd) {
    case GNTTABOP_map_grant_ref:
        size = sizeof(struct gnttab_map_grant_ref);
        r = each(v, list, n, size, map_one, &done);
        break;
    case GNTTABOP_unmap_grant_ref:
        size = sizeof(struct gnttab_unmap_grant_ref);
        r = unmap(v, list, n, unmap_one, &done);
        break;
    case GNTTABOP_unmap_and_replace:
        size = UNMAP_BYTES;
        r = unmap(v, list, n, replace_one, &done);
        break;
    case GNTTABOP_copy:
        size = sizeof(struct gnttab_copy);
        r = copy(v, list, n, &done);
        break;
    case GNTTABOP_setup_table:
        r = n == 1 ? setup_table(v, list) : -EINVAL;
        break;
    case GNTTABOP_query_size:
        return n == 1 ? query_size(v, list) : -EINVAL;
    case GNTTABOP_set_version:
        return n == 1 ? set_version(list) : -EINVAL;
    case GNTTABOP_get_version:
        return n == 1 ? get_version(v, list) : -EINVAL;
    default:
        return -ENOSYS;
    }
    if (r == -ERESTART)
        return continuation(NR_grant_table_op, cmd, list + done * size, n - done, 0, 0);
    return r;
}

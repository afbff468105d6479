/* The permission comes first: a guest does not learn which ids are in use. */
#include "hypercalls/target.h"
#include "lib/atomic.h"
#include "lib/errno.h"

int target_get(domid_t id, struct domain **out)
{
    struct domain *self = current_domain();

    if (id != DOMID_SELF && id != self->id && !self->privileged)
        return -EPERM;
    *out = domain_get(id);
    return *out ? 0 : -ESRCH;
}

static uint32_t control_busy;

bool control_begin(void)
{
    uint32_t idle = 0;

    return atomic_compare_exchange(&control_busy, &idle, 1U);
}

void control_end(void)
{
    atomic_store(&control_busy, 0U);
}

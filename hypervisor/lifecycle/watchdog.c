/* See watchdog.h. */
#include "lifecycle/watchdog.h"
#include "lib/errno.h"
#include "lifecycle/shutdown.h"
#include "machine/clock.h"

#define NS_PER_SECOND 1000000000UL

static void expired(struct domain *d, unsigned index)
{
    domain_log(d, "its watchdog %u has not been set anew in time", index + 1);
    domain_shutdown(d, SHUTDOWN_watchdog);
}

static void first_expired(struct timer *t)
{
    expired(container_of(t, struct domain, watchdogs[0]), 0);
}

static void second_expired(struct timer *t)
{
    expired(container_of(t, struct domain, watchdogs[1]), 1);
}

void watchdogs_init(struct domain *d)
{
    d->watchdogs[0].fire = first_expired;
    d->watchdogs[1].fire = second_expired;
}

void watchdogs_end(struct domain *d)
{
    for (unsigned i = 0; i < MAX_WATCHDOGS; i++)
        timer_kill(&d->watchdogs[i]);
}

/* The lowest free one; MAX_WATCHDOGS: none. */
static unsigned choose(const struct domain *d)
{
    unsigned i = 0;

    while (i < MAX_WATCHDOGS && d->watchdogs_used & 1U << i)
        i++;
    return i;
}

int watchdog_set(struct domain *d, uint32_t id, uint32_t seconds)
{
    unsigned index;
    int r = 0;

    spin_lock(&d->lock);
    index = id ? id - 1 : choose(d);
    if (index >= MAX_WATCHDOGS)
        r = id ? -EINVAL : -ENOSPC;
    else if (id && !(d->watchdogs_used & 1U << index))
        r = -EINVAL;
    else if (id && !seconds)
        timer_stop(&d->watchdogs[index]);
    else
        timer_set(&d->watchdogs[index], this_cpu()->id, clock_now() + seconds * NS_PER_SECOND);
    if (!r)
        d->watchdogs_used =
            id && !seconds ? d->watchdogs_used & ~(1U << index) : d->watchdogs_used | 1U << index;
    spin_unlock(&d->lock);
    return r || id ? r : (int)index + 1;
}

/*
 * Watching over a guest: when it stops, its config says what comes next.
 *
 * xenstore fires @releaseDomain whenever some domain shut down or died; which, and why, the
 * hypervisor tells.
 *
 * In the background one task watches over all guests and sleeps for none: ending and restarting one
 * (its disks may hang, its kernel takes time to unpack) is a task of its own.  A guest that ends
 * again and again as soon as it has started waits longer each time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall-abi/sched.h"
#include "vmctl/domain/comeback.h"
#include "vmctl/domain/domain.h"
#include "vmctl/domain/nodes.h"
#include "vmctl/hypervisor.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

#define INTERRUPT_GLANCE_NS (100 * 1000000LL)
#define SHORT_LIFE_NS       500000000LL /* too short for any kernel to have come up */
#define FREE_RESTARTS       3u          /* of such, before it has to wait */
#define FIRST_WAIT_NS       100000000LL /* doubled each time */
#define LAST_WAIT_NS        10000000000LL
#define EVERYBODY           UINT32_MAX
#define NOBODY              (UINT32_MAX - 1)
#define RETRY_NS            100000000LL /* when there was no memory, or something else has to end first */

struct supervised {
    struct supervised *next;
    struct domain_config *config;
    uint32_t domid;
    bool settling; /* a task is ending and restarting it */
    bool ended;    /* seen to be so; to be settled from not_before on */
    bool unseen;   /* not looked at since it began: its end may have been told before */
    int64_t started, not_before;
    unsigned int short_lives; /* one after the other */
};

/* Has the guest stopped, and why? */
static bool has_ended(const struct domain_config *config, uint32_t domid, uint32_t *reason)
{
    struct xen_domctl_getdomaininfo info;

    *reason = END_REASON_GONE;
    if (domain_info(domid, &info) || info.flags & XEN_DOMINF_dying ||
        memcmp(info.handle, config->uuid, sizeof(info.handle)) != 0)
        return true;
    if (!(info.flags & XEN_DOMINF_shutdown))
        return false;
    *reason = domain_end_reason(&info);
    return true;
}

/* Sleeps until some domain ended (*domid says which, or is EVERYBODY if it is not known) or the
 * time is over (NOBODY).  The first event comes at once, with the watch.  An event for which there
 * was no memory is one, too. */
static int wait_for_an_end(struct xs_client *store, int64_t timeout_ns, uint32_t *domid)
{
    char *path, *token;
    int error = xs_wait_watch(store, timeout_ns, &path, &token);

    *domid = error == -ETIMEDOUT ? NOBODY : EVERYBODY;
    if (!error) {
        xs_event_domain(path, domid);
        free(path);
        free(token);
    } else if (error == -ENOMEM) {
        platform_sleep_ns(RETRY_NS);
    }
    return error == -ENOMEM || error == -ETIMEDOUT ? 0 : error;
}

static enum end_action action_for(const struct domain_config *config, uint32_t reason)
{
    if (reason == SHUTDOWN_poweroff)
        return config->on_poweroff;
    if (reason == SHUTDOWN_reboot)
        return config->on_reboot;
    if (reason == SHUTDOWN_suspend)
        return END_PRESERVE;
    return config->on_crash;
}

/* Moves a stopped guest out of the way under another name.  Its memory stays to be looked at; its
 * disks go, since the one that comes after it needs them. */
static void rename_stopped(struct xs_client *store, struct domain_config *config, uint32_t domid)
{
    char name[80];

    snprintf(name, sizeof(name), "%s-%u", config->name, (unsigned int)domid);
    domain_set_name(store, domid, name);
    config->has_uuid = false;
    devices_nodes_remove(store, domid);
}

/* 0 and another domid if the guest runs again. */
static int restart(struct xs_client *store, struct domain_config *config, uint32_t *domid)
{
    struct failure failure = { "" };
    int error = domain_start(config, store, domid, &failure);

    if (!error)
        error = domain_unpause(*domid);
    if (error)
        failure_print(&failure, error, config->name);
    return error;
}

/* Who was renamed comes back under that name. */
static void name_follow(struct xs_client *store, struct domain_config *config, uint32_t domid)
{
    char path[64], *name;

    snprintf(path, sizeof(path), "/local/domain/%u/name", (unsigned int)domid);
    if (xs_read(store, XS_NO_TX, path, &name, NULL))
        return;
    snprintf(config->name, sizeof(config->name), "%s", name);
    free(name);
}

/* Does what the config says of this end; true if the guest runs again. */
static bool settle(struct xs_client *store, struct domain_config *config, uint32_t *domid,
                   uint32_t reason)
{
    struct failure failure = { "" };
    enum end_action action = action_for(config, reason);

    if (reason == END_REASON_GONE || action == END_PRESERVE)
        return false;
    name_follow(store, config, *domid);
    if (action == END_RENAME_RESTART)
        rename_stopped(store, config, *domid);
    if (action == END_RESTART)
        comeback_begin(store, config->uuid, config->name);
    if (action != END_RENAME_RESTART)
        domain_end(store, *domid, &failure);
    bool again = action != END_DESTROY && !restart(store, config, domid);

    if (action == END_RESTART)
        comeback_end(store, config->uuid);
    return again;
}

static struct xs_client *watch_for_ends(void)
{
    struct xs_client *store = xs_open();

    if (store && xs_watch_domains(store, "@releaseDomain", "end")) {
        xs_close(store);
        return NULL;
    }
    return store;
}

uint32_t domain_supervise(struct domain_config *config, uint32_t *domid)
{
    struct xs_client *store = watch_for_ends();
    uint32_t reason = END_REASON_GONE, whoever;
    bool again = store != NULL;

    while (again) {
        if (wait_for_an_end(store, INTERRUPT_GLANCE_NS, &whoever))
            break;
        if (platform_interrupted()) {
            reason = END_REASON_NONE;
            break;
        }
        if (!has_ended(config, *domid, &reason))
            continue;
        printf("%s: %s\n", config->name, domain_end_reason_name(reason));
        fflush(stdout);
        again = settle(store, config, domid, reason);
    }
    xs_close(store);
    return reason;
}

/* Those watched over in the background, by one task for all (on Linux by a process for each,
 * whose list has one entry). */
static struct supervised *supervised_first;
static bool service_runs;

static void supervised_forget(struct supervised *supervised)
{
    struct supervised **at = &supervised_first;

    while (*at != supervised)
        at = &(*at)->next;
    *at = supervised->next;
    free(supervised->config);
    free(supervised);
}

/* A task: does with one guest what its config says. */
static void supervised_settle(void *argument)
{
    struct supervised *supervised = argument;
    struct xs_client *store = xs_open();
    uint32_t reason;
    bool goes_on = true;

    if (store && has_ended(supervised->config, supervised->domid, &reason)) {
        goes_on = settle(store, supervised->config, &supervised->domid, reason);
        supervised->ended = false;
        supervised->started = platform_now_ns();
        supervised->unseen = true;
    }
    xs_close(store);
    supervised->settling = false;
    if (!goes_on)
        supervised_forget(supervised);
}

/* From when on it may be settled: at once, unless its lives have become too short. */
static int64_t settle_time(struct supervised *supervised)
{
    int64_t now = platform_now_ns(), wait = FIRST_WAIT_NS;

    if (now - supervised->started >= SHORT_LIFE_NS)
        supervised->short_lives = 0;
    else
        supervised->short_lives++;
    if (supervised->short_lives <= FREE_RESTARTS)
        return now;
    for (unsigned int i = FREE_RESTARTS + 1; i < supervised->short_lives; i++)
        wait = wait < LAST_WAIT_NS / 2 ? wait * 2 : LAST_WAIT_NS;
    return now + wait;
}

/* Looks at one guest; how long until it wants to be looked at again, -1: when something ends. */
static int64_t supervised_check(struct supervised *supervised)
{
    uint32_t reason;
    int64_t wait;

    if (supervised->settling)
        return RETRY_NS;
    supervised->unseen = false;
    if (!has_ended(supervised->config, supervised->domid, &reason))
        return -1;
    if (!supervised->ended || reason == END_REASON_GONE)
        supervised->not_before = reason == END_REASON_GONE ? 0 : settle_time(supervised);
    supervised->ended = true;
    wait = supervised->not_before - platform_now_ns();
    if (wait > 0)
        return wait;
    supervised->settling = true;
    if (!platform_aside("settle", supervised_settle, supervised))
        return RETRY_NS;          /* it may have gone already */
    supervised->settling = false; /* no memory for it now */
    return RETRY_NS;
}

/* Is it about this one, or does this one want to be looked at anyway? */
static bool concerns(uint32_t domid, const struct supervised *supervised)
{
    return domid == EVERYBODY || domid == supervised->domid || supervised->settling ||
           supervised->ended || supervised->unseen;
}

static void supervise_service(void *argument)
{
    struct xs_client *store;
    struct supervised *next;
    uint32_t domid;
    int64_t wait = -1;

    (void)argument;
    while (!(store = watch_for_ends()))
        platform_sleep_ns(RETRY_NS);
    while (supervised_first && !wait_for_an_end(store, wait, &domid)) {
        wait = -1;
        for (struct supervised *at = supervised_first; at; at = next) {
            next = at->next;
            int64_t own = concerns(domid, at) ? supervised_check(at) : -1;

            if (own >= 0 && (wait < 0 || own < wait))
                wait = own;
        }
    }
    xs_close(store);
    service_runs = false;
}

int domain_supervise_in_background(struct domain_config *config, uint32_t domid)
{
    struct supervised *supervised = calloc(1, sizeof(*supervised));

    if (!supervised)
        return -ENOMEM;
    *supervised = (struct supervised){ .next = supervised_first,
                                       .config = config,
                                       .domid = domid,
                                       .unseen = true,
                                       .started = platform_now_ns() };
    supervised_first = supervised;
    if (service_runs)
        return 0;
    service_runs = true;
    int error = platform_background("supervisor", supervise_service, NULL);

    if (error) {
        service_runs = false;
        supervised_first = supervised->next;
        free(supervised);
    }
    return error;
}

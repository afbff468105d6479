/*
 * Watching over a guest: when it stops, its config says what comes next.
 *
 * xenstore fires @releaseDomain whenever some domain shut down or died; which, and why, the
 * hypervisor tells.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall-abi/sched.h"
#include "vmctl/domain/domain.h"
#include "vmctl/domain/nodes.h"
#include "vmctl/hypervisor.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

#define INTERRUPT_GLANCE_NS (100 * 1000000LL)

struct supervised {
    struct supervised *next;
    struct domain_config *config;
    uint32_t domid;
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

/* Sleeps until some domain ended, or the time is over.  The first event comes at once, with the
 * watch. */
static int wait_for_an_end(struct xs_client *store, int64_t timeout_ns)
{
    char *path, *token;
    int error = xs_wait_watch(store, timeout_ns, &path, &token);

    if (!error) {
        free(path);
        free(token);
    }
    return error;
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
    char path[64];

    snprintf(path, sizeof(path), "/local/domain/%u/name", (unsigned int)domid);
    xs_printf(store, XS_NO_TX, path, "%s-%u", config->name, (unsigned int)domid);
    config->has_uuid = false;
    disk_nodes_remove(store, domid);
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

/* Does what the config says of this end; true if the guest runs again. */
static bool settle(struct xs_client *store, struct domain_config *config, uint32_t *domid,
                   uint32_t reason)
{
    struct failure failure = { "" };
    enum end_action action = action_for(config, reason);

    if (reason == END_REASON_GONE || action == END_PRESERVE)
        return false;
    if (action == END_RENAME_RESTART)
        rename_stopped(store, config, *domid);
    else
        domain_end(store, *domid, &failure);
    return action != END_DESTROY && !restart(store, config, domid);
}

static struct xs_client *watch_for_ends(void)
{
    struct xs_client *store = xs_open();

    if (store && xs_watch(store, "@releaseDomain", "end")) {
        xs_close(store);
        return NULL;
    }
    return store;
}

uint32_t domain_supervise(struct domain_config *config, uint32_t *domid)
{
    struct xs_client *store = watch_for_ends();
    uint32_t reason = END_REASON_GONE;
    bool again = store != NULL;

    while (again) {
        int error = wait_for_an_end(store, INTERRUPT_GLANCE_NS);

        if (error && error != -ETIMEDOUT)
            break;
        if (platform_interrupted()) {
            reason = END_REASON_NONE;
            break;
        }
        if (error || !has_ended(config, *domid, &reason))
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

static void supervised_check(struct xs_client *store)
{
    struct supervised **at = &supervised_first;

    while (*at) {
        struct supervised *supervised = *at;
        uint32_t reason;

        if (!has_ended(supervised->config, supervised->domid, &reason) ||
            settle(store, supervised->config, &supervised->domid, reason)) {
            at = &supervised->next;
            continue;
        }
        /* Others may have come to the list's begin meanwhile: find our place again. */
        for (at = &supervised_first; *at != supervised;)
            at = &(*at)->next;
        *at = supervised->next;
        free(supervised->config);
        free(supervised);
    }
}

static void supervise_service(void *argument)
{
    struct xs_client *store = watch_for_ends();

    (void)argument;
    while (store && supervised_first && !wait_for_an_end(store, -1))
        supervised_check(store);
    xs_close(store);
    service_runs = false;
}

int domain_supervise_in_background(struct domain_config *config, uint32_t domid)
{
    struct supervised *supervised = calloc(1, sizeof(*supervised));

    if (!supervised)
        return -ENOMEM;
    *supervised = (struct supervised){ supervised_first, config, domid };
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

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

struct supervised {
    struct domain_config *config;
    uint32_t domid;
};

/* Sleeps until the guest has stopped. */
static uint32_t wait_for_end(struct xs_client *store, const struct domain_config *config,
                             uint32_t domid)
{
    struct xen_domctl_getdomaininfo info;
    char *path, *token;

    for (;;) {
        if (domain_info(domid, &info) || info.flags & XEN_DOMINF_dying ||
            memcmp(info.handle, config->uuid, sizeof(info.handle)) != 0)
            return END_REASON_GONE;
        if (info.flags & XEN_DOMINF_shutdown)
            return domain_end_reason(&info);
        if (xs_wait_watch(store, -1, &path, &token))
            return END_REASON_GONE;
        free(path);
        free(token);
    }
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

/* Moves a stopped guest out of the way under another name. */
static void rename_stopped(struct xs_client *store, struct domain_config *config, uint32_t domid)
{
    char path[64];

    snprintf(path, sizeof(path), "/local/domain/%u/name", (unsigned int)domid);
    xs_printf(store, XS_NO_TX, path, "%s-%u", config->name, (unsigned int)domid);
    config->has_uuid = false;
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

uint32_t domain_supervise(struct domain_config *config, uint32_t domid, bool tell)
{
    struct xs_client *store = xs_open();
    struct failure failure = { "" };
    uint32_t reason = END_REASON_GONE;
    bool again = store && !xs_watch(store, "@releaseDomain", "end");

    while (again) {
        reason = wait_for_end(store, config, domid);
        if (tell)
            printf("%s: %s\n", config->name, domain_end_reason_name(reason));
        if (reason == END_REASON_GONE)
            break;
        enum end_action action = action_for(config, reason);

        if (action == END_PRESERVE)
            break;
        if (action == END_RENAME_RESTART)
            rename_stopped(store, config, domid);
        else
            domain_end(store, domid, &failure);
        again = action != END_DESTROY && !restart(store, config, &domid);
    }
    xs_close(store);
    return reason;
}

static void supervise_in_background(void *argument)
{
    struct supervised *supervised = argument;

    domain_supervise(supervised->config, supervised->domid, false);
    free(supervised->config);
    free(supervised);
}

int domain_supervise_in_background(struct domain_config *config, uint32_t domid)
{
    struct supervised *supervised = malloc(sizeof(*supervised));

    if (!supervised)
        return -ENOMEM;
    *supervised = (struct supervised){ config, domid };
    int error = platform_background(config->name, supervise_in_background, supervised);

    if (error)
        free(supervised);
    return error;
}

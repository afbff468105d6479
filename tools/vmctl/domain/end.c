/*
 * Ending a guest, and finding one.
 *
 * Order: stop it, let the backends go (they hold its pages), free it, remove its nodes.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall-abi/sched.h"
#include "vmctl/domain/domain.h"
#include "vmctl/domain/names.h"
#include "vmctl/domain/nodes.h"
#include "vmctl/hypervisor.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

#define GONE_WAIT_NS      (10 * 1000000000LL)
#define GONE_PAUSE_NS     50000u /* the first; then twice as long each time */
#define GONE_PAUSE_MAX_NS 5000000u

/*
 * The domain lives on, as a name in the list, until the last of its pages is let go: by the
 * backends, xenstore and the console service, which all do so on their own.
 */
static int wait_until_gone(uint32_t domid, struct failure *failure)
{
    int64_t deadline = platform_now_ns() + GONE_WAIT_NS;
    uint64_t pause = GONE_PAUSE_NS;
    struct xen_domctl_getdomaininfo info;

    while (!domain_info(domid, &info)) {
        if (platform_now_ns() >= deadline)
            return failure_set(failure, -EBUSY,
                               "domain %u has ended, but others still hold %llu KiB of its memory "
                               "(end the guests it shared memory with; vmctl list shows it until "
                               "then)",
                               (unsigned int)domid, (unsigned long long)info.tot_pages * 4);
        platform_sleep_ns(pause);
        pause = pause < GONE_PAUSE_MAX_NS ? pause * 2 : pause;
    }
    return 0;
}

/* Somebody else is at it, or it went by itself. */
static bool is_ending(uint32_t domid)
{
    struct xen_domctl_getdomaininfo info;

    return domain_info(domid, &info) || (info.flags & XEN_DOMINF_dying);
}

int domain_end(struct xs_client *store, uint32_t domid, struct failure *failure)
{
    int error = domid ? domain_pause(domid) : -EINVAL;

    if (domid && error == -EINVAL && is_ending(domid))
        error = 0;
    if (error && error != -ESRCH)
        return failure_set(failure, error, "domain %u cannot be ended: %s (see vmctl dmesg)",
                           (unsigned int)domid, failure_reason(error));
    devices_nodes_remove(store, domid);
    error = domain_destroy(domid);
    xs_release(store, domid);
    domain_nodes_remove(store, domid);
    if (error && error != -ESRCH)
        return failure_set(failure, error, "domain %u cannot be ended: %s (see vmctl dmesg)",
                           (unsigned int)domid, failure_reason(error));
    return wait_until_gone(domid, failure);
}

void domain_name(struct xs_client *store, uint32_t domid, char *name, size_t size)
{
    char path[64], *value;

    snprintf(path, sizeof(path), "/local/domain/%u/name", (unsigned int)domid);
    if (xs_read(store, XS_NO_TX, path, &value, NULL)) {
        snprintf(name, size, "(null)");
        return;
    }
    snprintf(name, size, "%s", value);
    free(value);
}

bool domain_has_name(struct xs_client *store, const char *name, uint32_t *domid)
{
    struct xen_domctl_getdomaininfo info;
    char known[64];

    if (!names_find(name, domid) || domain_info(*domid, &info))
        return false;
    domain_name(store, *domid, known, sizeof(known));
    return !strcmp(known, name);
}

int domain_set_name(struct xs_client *store, uint32_t domid, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/local/domain/%u/name", (unsigned int)domid);
    int error = xs_printf(store, XS_NO_TX, path, "%s", name);

    return error ? error : names_note(domid, name);
}

static bool is_number(const char *text)
{
    return text[0] && strspn(text, "0123456789") == strlen(text) && strlen(text) < 6;
}

int domain_find(struct xs_client *store, const char *text, uint32_t *domid, struct failure *failure)
{
    struct xen_domctl_getdomaininfo info;
    char **domains, name[64];
    size_t count;
    bool found = false;

    if (is_number(text)) {
        *domid = (uint32_t)strtoul(text, NULL, 10);
        if (!domain_info(*domid, &info))
            return 0;
    } else if (domain_has_name(store, text, domid)) {
        return 0;
    } else if (!xs_list(store, XS_NO_TX, "/local/domain", &domains, &count)) {
        for (size_t i = 0; i < count && !found; i++) {
            *domid = (uint32_t)strtoul(domains[i], NULL, 10);
            domain_name(store, *domid, name, sizeof(name));
            found = !strcmp(name, text) && !domain_info(*domid, &info);
        }
        free(domains);
    }
    if (found)
        return 0;
    return failure_set(failure, -ESRCH, "%s: no such guest (vmctl list shows those there are)",
                       text);
}

uint32_t domain_end_reason(const struct xen_domctl_getdomaininfo *info)
{
    return info->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
}

const char *domain_end_reason_name(uint32_t reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff:
        return "powered off";
    case SHUTDOWN_reboot:
        return "rebooted";
    case SHUTDOWN_suspend:
        return "suspended";
    case SHUTDOWN_crash:
        return "crashed";
    case SHUTDOWN_watchdog:
        return "stopped by its watchdog";
    case END_REASON_GONE:
        return "destroyed";
    default:
        return "stopped";
    }
}

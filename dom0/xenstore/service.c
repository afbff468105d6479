/*
 * The store as a service of dom0.  See service.h.
 */
#include "xenstore/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall-abi/domctl.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/paravane.h"
#include "libc/libc.h"
#include "pv-kernel/event-ports.h"
#include "tasks/task.h"
#include "xenstore/client.h"
#include "xenstore/domain.h"
#include "xenstore/guest-ring.h"
#include "xenstore/local-client.h"
#include "xenstore/store.h"
#include "xenstore/string-table.h"

static int on_introduce(void *argument, struct store_domain *domain)
{
    (void)argument;
    return guest_ring_connect(domain);
}

static void on_release(void *argument, struct store_domain *domain)
{
    (void)argument;
    guest_ring_disconnect(domain);
}

static enum domain_life domain_life(void *argument, uint32_t domid)
{
    struct xen_domctl control = {
        .cmd = XEN_DOMCTL_getdomaininfo,
        .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
        .domain = (domid_t)domid,
    };

    (void)argument;
    /* The answer may be about the next domain, if this one is not there. */
    if (hypercall_domctl(HYPERCALL_ARG(&control)) || control.u.getdomaininfo.domain != domid)
        return DOMAIN_GONE;
    if (control.u.getdomaininfo.flags & XEN_DOMINF_dying)
        return DOMAIN_GONE;
    return control.u.getdomaininfo.flags & XEN_DOMINF_shutdown ? DOMAIN_SHUT_DOWN : DOMAIN_LIVES;
}

/* Only Paravane says it. */
static int changed_domain(void *argument, uint32_t *domid)
{
    struct paravane_changed_domain changed = { 0 };
    int error = (int)hypercall_paravane_op(PARAVANEOP_changed_domain, HYPERCALL_ARG(&changed));

    (void)argument;
    *domid = changed.domid;
    return error;
}

static bool short_of_memory(void *argument)
{
    (void)argument;
    return !libc_memory_allows(0);
}

static const struct store_platform platform = { on_introduce, on_release, domain_life,
                                                short_of_memory, changed_domain };

static bool check_domains(void *store)
{
    return store_domains_check(store);
}

static void serve(void *store)
{
    guest_rings_serve(check_domains, store);
}

static void on_domain_exception(evtchn_port_t port, void *argument)
{
    (void)port;
    (void)argument;
    guest_rings_check();
}

/* The nodes a Xen dom0 has before the first guest. */
static int write_first_nodes(void)
{
    static const struct {
        const char *path, *value;
    } nodes[] = {
        { "/tool/xenstored", "" },
        { "/local/domain/0/domid", "0" },
        { "/local/domain/0/name", "Domain-0" },
        { "/local/domain/0/control/feature-poweroff", "1" },
        { "/local/domain/0/control/feature-reboot", "1" },
        { "/local/pool/0/name", "Pool-0" },
        { "/local/domain/0/backend/vbd", "" },
        { "/vm", "" },
    };
    struct xs_client *client = xs_open();
    int error = client ? 0 : -ENOMEM;

    for (size_t i = 0; !error && i < sizeof(nodes) / sizeof(nodes[0]); i++)
        error = xs_write(client, XS_NO_TX, nodes[i].path, nodes[i].value, strlen(nodes[i].value));
    xs_close(client);
    return error;
}

int xenstore_start(void)
{
    string_hash_choose(random_bits(), random_bits());
    struct xenstore *store = xenstore_create(&platform, NULL);
    evtchn_port_t port;

    if (!store)
        return -ENOMEM;
    local_clients_start(store);
    int error = write_first_nodes();

    if (!error)
        error = event_port_bind_virq(VIRQ_DOM_EXC, &port);
    if (error)
        return error;
    event_port_set_handler(port, on_domain_exception, NULL);
    return task_spawn("xenstore", serve, store, 64u << 10) ? 0 : -ENOMEM;
}

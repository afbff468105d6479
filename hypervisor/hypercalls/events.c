/* event_channel_op: copy in, permission, call events/, copy out. */
#include "hypercall-abi/events.h"
#include "domain/guest-memory.h"
#include "events/binding.h"
#include "events/fifo.h"
#include "hypercalls/continuation.h"
#include "hypercalls/handlers.h"
#include "hypercalls/target.h"
#include "lib/errno.h"

static int alloc_unbound(uint64_t arg)
{
    struct evtchn_alloc_unbound op;
    struct domain *d;
    int r;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    r = target_get(op.dom, &d);
    if (r)
        return r;
    if (op.remote_dom == DOMID_SELF)
        op.remote_dom = current_domain()->id;
    r = port_alloc_unbound(d, op.remote_dom, &op.port);
    domain_put(d);
    return r ? r : guest_write(arg, &op, sizeof(op));
}

static int bind_interdomain(uint64_t arg)
{
    struct evtchn_bind_interdomain op;
    struct domain *remote;
    int r;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    remote = domain_get(op.remote_dom);
    if (!remote)
        return -ESRCH;
    r = port_bind_interdomain(current_domain(), remote, op.remote_port, &op.local_port);
    domain_put(remote);
    return r ? r : guest_write(arg, &op, sizeof(op));
}

static int bind_virq(struct domain *d, uint64_t arg)
{
    struct evtchn_bind_virq op;
    int r;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    r = port_bind_virq(d, op.virq, op.vcpu, &op.port);
    return r ? r : guest_write(arg, &op, sizeof(op));
}

static int bind_ipi(struct domain *d, uint64_t arg)
{
    struct evtchn_bind_ipi op;
    int r;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    r = port_bind_ipi(d, op.vcpu, &op.port);
    return r ? r : guest_write(arg, &op, sizeof(op));
}

static int bind_pirq(struct domain *d, uint64_t arg)
{
    struct evtchn_bind_pirq op;
    int r;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    if (!d->privileged)
        return -EPERM;
    r = port_bind_pirq(d, op.pirq, op.flags & BIND_PIRQ__WILL_SHARE, &op.port);
    return r ? r : guest_write(arg, &op, sizeof(op));
}

static int status(uint64_t arg)
{
    struct evtchn_status op, out = { 0 };
    struct domain *d;
    int r;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    r = target_get(op.dom, &d);
    if (r)
        return r;
    out.dom = op.dom;
    out.port = op.port;
    r = port_status(d, op.port, &out);
    domain_put(d);
    return r ? r : guest_write(arg, &out, sizeof(out));
}

static int bind_vcpu(struct domain *d, uint64_t arg)
{
    struct evtchn_bind_vcpu op;

    return guest_read(&op, arg, sizeof(op)) ? -EFAULT : port_bind_vcpu(d, op.port, op.vcpu);
}

static int reset(uint64_t arg)
{
    struct evtchn_reset op;
    struct domain *d;
    int r;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    r = target_get(op.dom, &d);
    if (r)
        return r;
    r = ports_close_all(d, false);
    domain_put(d);
    return r;
}

static int init_control(struct domain *d, uint64_t arg)
{
    struct evtchn_init_control op;
    int r;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    op.link_bits = EVTCHN_FIFO_LINK_BITS;
    if (!vcpu_find(d, op.vcpu))
        return -ENOENT;
    if (op.offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || op.offset & 7)
        return -EINVAL;
    r = fifo_control_block(d, op.vcpu, op.control_gfn, op.offset);
    return r ? r : guest_write(arg, &op, sizeof(op));
}

static int expand_array(struct domain *d, uint64_t arg)
{
    struct evtchn_expand_array op;

    return guest_read(&op, arg, sizeof(op)) ? -EFAULT : fifo_expand(d, op.array_gfn);
}

static int set_priority(struct domain *d, uint64_t arg)
{
    struct evtchn_set_priority op;

    return guest_read(&op, arg, sizeof(op)) ? -EFAULT : fifo_set_priority(d, op.port, op.priority);
}

/* send, close and unmask take just a port. */
static int on_port(struct domain *d, uint64_t arg, int (*fn)(struct domain *, evtchn_port_t))
{
    evtchn_port_t port;

    return guest_read(&port, arg, sizeof(port)) ? -EFAULT : fn(d, port);
}

static int64_t event_channel_op(struct domain *d, uint64_t cmd, uint64_t arg)
{
    switch (cmd) {
    case EVTCHNOP_send:
        return on_port(d, arg, port_send);
    case EVTCHNOP_unmask:
        return on_port(d, arg, port_unmask);
    case EVTCHNOP_close:
        return on_port(d, arg, port_close);
    case EVTCHNOP_alloc_unbound:
        return alloc_unbound(arg);
    case EVTCHNOP_bind_interdomain:
        return bind_interdomain(arg);
    case EVTCHNOP_bind_virq:
        return bind_virq(d, arg);
    case EVTCHNOP_bind_ipi:
        return bind_ipi(d, arg);
    case EVTCHNOP_bind_pirq:
        return bind_pirq(d, arg);
    case EVTCHNOP_status:
        return status(arg);
    case EVTCHNOP_bind_vcpu:
        return bind_vcpu(d, arg);
    case EVTCHNOP_reset:
        return reset(arg);
    case EVTCHNOP_init_control:
        return init_control(d, arg);
    case EVTCHNOP_expand_array:
        return expand_array(d, arg);
    case EVTCHNOP_set_priority:
        return set_priority(d, arg);
    default:
        return -ENOSYS;
    }
}

int64_t hypercall_do_event_channel_op(uint64_t cmd, uint64_t arg)
{
    int64_t r = event_channel_op(current_domain(), cmd, arg);

    return r == -ERESTART ? continuation(NR_event_channel_op, cmd, arg, 0, 0, 0) : r;
}

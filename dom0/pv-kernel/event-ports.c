/*
 * Event ports: table of handlers, and the walk over the pending bits when the hypervisor (or
 * events_mask_restore) says there are some.
 *
 * The 2-level ABI: a port's bit in evtchn_pending, a summary bit per word in the vCPU's
 * evtchn_pending_sel, a flag for the vCPU.  The flag is cleared before the summary is taken and
 * the summary before the words, so whatever the hypervisor adds later raises the flag again.
 *
 * The other format, FIFO, is event-fifo.c's; what is said here of a port's handler is the same in
 * both.
 *
 * A word is read once: what a handler's port raises meanwhile is for the next pass.  And a guest's
 * port is masked as it is delivered, until a task looks after it: so however fast a guest sends,
 * it gets one delivery for each of that task's turns, and the upcall ends.
 */
#include "pv-kernel/event-ports.h"
#include "pv-kernel/event-fifo.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "hypercall-abi/errno.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/physdev.h"
#include "hypercall-abi/sched.h"
#include <stddef.h>

#define barrier() __asm__ volatile("" : : : "memory")

struct port_handler {
    event_handler_t handler;
    void *arg;
    int32_t eoi_pirq; /* physical interrupt to acknowledge, -1: none */
    bool guest;       /* masked as it is delivered */
};

#define HANDLERS_PER_PART 512u
#define HANDLERS_ORDER    2u
_Static_assert(sizeof(struct port_handler) * HANDLERS_PER_PART <= PAGE_SIZE << HANDLERS_ORDER,
               "a part is so many pages");

/* Made as ports are got; the first ones before there is memory. */
static struct port_handler first_handlers[HANDLERS_PER_PART];
static struct port_handler *handlers[EVTCHN_FIFO_NR_CHANNELS / HANDLERS_PER_PART];
static bool fifo;

/* NULL: we have never had the port. */
static struct port_handler *handler_of(evtchn_port_t port)
{
    struct port_handler *part =
        port < EVTCHN_FIFO_NR_CHANNELS ? handlers[port / HANDLERS_PER_PART] : NULL;

    return part ? &part[port % HANDLERS_PER_PART] : NULL;
}

static volatile struct vcpu_info *this_vcpu(void)
{
    return &shared_info->vcpu_info[0];
}

static void bit_set(volatile uint64_t *words, uint32_t bit)
{
    __atomic_fetch_or(&words[bit / 64], 1ULL << (bit % 64), __ATOMIC_SEQ_CST);
}

static void bit_clear(volatile uint64_t *words, uint32_t bit)
{
    __atomic_fetch_and(&words[bit / 64], ~(1ULL << (bit % 64)), __ATOMIC_SEQ_CST);
}

bool events_mask_save(void)
{
    volatile struct vcpu_info *vcpu = this_vcpu();
    bool was = vcpu->evtchn_upcall_mask;

    vcpu->evtchn_upcall_mask = 1;
    barrier();
    return was;
}

void events_mask_restore(bool was_masked)
{
    volatile struct vcpu_info *vcpu = this_vcpu();

    if (was_masked)
        return;
    for (;;) {
        barrier();
        vcpu->evtchn_upcall_mask = 0;
        barrier();
        if (!vcpu->evtchn_upcall_pending)
            return;
        /* Came while masked: nobody calls us for those, so we go and look ourselves. */
        vcpu->evtchn_upcall_mask = 1;
        event_ports_upcall();
    }
}

void events_block(void)
{
    hypercall_sched_op(SCHEDOP_block, 0);
    if (this_vcpu()->evtchn_upcall_pending) {
        this_vcpu()->evtchn_upcall_mask = 1;
        events_mask_restore(false);
    }
}

static void pending_clear(evtchn_port_t port)
{
    if (fifo)
        event_fifo_clear(port);
    else
        bit_clear(shared_info->evtchn_pending, port);
}

static void port_deliver(evtchn_port_t port)
{
    struct port_handler *h = handler_of(port);

    if (!h || !h->handler || h->guest)
        event_port_mask(port);
    pending_clear(port);
    if (!h || !h->handler)
        return;
    h->handler(port, h->arg);
    if (h->eoi_pirq >= 0) {
        struct physdev_eoi eoi = { .irq = (uint32_t)h->eoi_pirq };

        hypercall_physdev_op(PHYSDEVOP_eoi, HYPERCALL_ARG(&eoi));
    }
}

static void bits_upcall(void)
{
    uint64_t summary = __atomic_exchange_n(&this_vcpu()->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);

    while (summary) {
        uint32_t word = (uint32_t)__builtin_ctzll(summary);
        uint64_t bits = ((volatile uint64_t *)shared_info->evtchn_pending)[word] &
                        ~((volatile uint64_t *)shared_info->evtchn_mask)[word];

        summary &= summary - 1;
        for (; bits; bits &= bits - 1)
            port_deliver(word * 64 + (uint32_t)__builtin_ctzll(bits));
    }
}

void event_ports_upcall(void)
{
    volatile struct vcpu_info *vcpu = this_vcpu();

    while (vcpu->evtchn_upcall_pending) {
        vcpu->evtchn_upcall_pending = 0;
        if (fifo)
            event_fifo_upcall(port_deliver);
        else
            bits_upcall();
    }
}

void event_port_mask(evtchn_port_t port)
{
    if (fifo)
        event_fifo_mask(port);
    else
        bit_set(shared_info->evtchn_mask, port);
}

void event_port_unmask(evtchn_port_t port)
{
    struct evtchn_unmask op = { .port = port };

    /* The hypervisor raises what is pending on the port; clearing the bit alone would not. */
    hypercall_event_channel_op(EVTCHNOP_unmask, HYPERCALL_ARG(&op));
}

static void fifo_reopen(evtchn_port_t port)
{
    bool was = events_mask_save();

    if (!event_fifo_open(port)) {
        if (was)
            event_port_unmask(port); /* it is put on its queue, and delivered when that may be */
        else
            port_deliver(port); /* which leaves it masked, as if it had been put there */
    }
    events_mask_restore(was);
}

static void bits_reopen(evtchn_port_t port)
{
    volatile struct vcpu_info *vcpu = this_vcpu();
    bool was = events_mask_save();

    /* Mask first, then look; partner: the sender, who raises the bit and then looks at the mask. */
    bit_clear(shared_info->evtchn_mask, port);
    if (((volatile uint64_t *)shared_info->evtchn_pending)[port / 64] & 1ULL << (port % 64)) {
        bit_set(&vcpu->evtchn_pending_sel, port / 64);
        vcpu->evtchn_upcall_pending = 1;
    }
    events_mask_restore(was);
}

void event_port_reopen(evtchn_port_t port)
{
    if (fifo)
        fifo_reopen(port);
    else
        bits_reopen(port);
}

static void handler_set(evtchn_port_t port, event_handler_t handler, void *arg, bool guest)
{
    struct port_handler *h = handler_of(port);
    bool was = events_mask_save();

    h->handler = handler;
    h->arg = arg;
    h->guest = guest;
    event_port_unmask(port);
    events_mask_restore(was);
}

void event_port_set_handler(evtchn_port_t port, event_handler_t handler, void *arg)
{
    handler_set(port, handler, arg, false);
}

void event_port_set_guest_handler(evtchn_port_t port, event_handler_t handler, void *arg)
{
    handler_set(port, handler, arg, true);
}

static void part_clear(struct port_handler *part)
{
    for (uint32_t i = 0; i < HANDLERS_PER_PART; i++)
        part[i] = (struct port_handler){ .eoi_pirq = -1 };
}

/* There is room for the port here, and for what is pending on it. */
static int port_reach(evtchn_port_t port)
{
    struct port_handler **part;

    if (port >= (fifo ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS))
        return -XEN_ENOSPC;
    part = &handlers[port / HANDLERS_PER_PART];
    if (!*part) {
        *part = frames_alloc(HANDLERS_ORDER);
        if (!*part)
            return -XEN_ENOMEM;
        part_clear(*part);
    }
    return fifo ? event_fifo_reach(port) : 0;
}

static int port_new(int64_t result, evtchn_port_t got, evtchn_port_t *port)
{
    struct evtchn_close close = { .port = got };
    int error;

    if (result)
        return (int)result;
    error = port_reach(got);
    if (error) {
        hypercall_event_channel_op(EVTCHNOP_close, HYPERCALL_ARG(&close));
        return error;
    }
    *handler_of(got) = (struct port_handler){ .eoi_pirq = -1 };
    *port = got;
    return 0;
}

int event_port_alloc_unbound(domid_t domid, domid_t remote, evtchn_port_t *port)
{
    struct evtchn_alloc_unbound op = { .dom = domid, .remote_dom = remote };
    int64_t result = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, HYPERCALL_ARG(&op));

    if (domid != DOMID_SELF) {
        *port = op.port; /* another domain's: no business of our table */
        return (int)result;
    }
    return port_new(result, op.port, port);
}

int event_port_bind_interdomain(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port)
{
    struct evtchn_bind_interdomain op = { .remote_dom = remote, .remote_port = remote_port };
    int64_t result = hypercall_event_channel_op(EVTCHNOP_bind_interdomain, HYPERCALL_ARG(&op));

    return port_new(result, op.local_port, port);
}

int event_port_bind_virq(uint32_t virq, evtchn_port_t *port)
{
    struct evtchn_bind_virq op = { .virq = virq };
    int64_t result = hypercall_event_channel_op(EVTCHNOP_bind_virq, HYPERCALL_ARG(&op));

    return port_new(result, op.port, port);
}

int event_port_bind_pirq(uint32_t pirq, bool shared, evtchn_port_t *port)
{
    struct evtchn_bind_pirq op = { .pirq = pirq, .flags = shared ? BIND_PIRQ__WILL_SHARE : 0 };
    int64_t result = hypercall_event_channel_op(EVTCHNOP_bind_pirq, HYPERCALL_ARG(&op));
    struct physdev_irq_status_query query = { .irq = pirq };
    int error = port_new(result, op.port, port);

    if (error)
        return error;
    if (!hypercall_physdev_op(PHYSDEVOP_irq_status_query, HYPERCALL_ARG(&query)) &&
        (query.flags & XENIRQSTAT_needs_eoi))
        handler_of(*port)->eoi_pirq = (int32_t)pirq;
    return 0;
}

int event_port_notify(evtchn_port_t port)
{
    struct evtchn_send op = { .port = port };

    return (int)hypercall_event_channel_op(EVTCHNOP_send, HYPERCALL_ARG(&op));
}

int event_port_close(evtchn_port_t port)
{
    struct evtchn_close op = { .port = port };
    bool was = events_mask_save();
    int result;

    event_port_mask(port);
    if (handler_of(port))
        handler_of(port)->handler = NULL;
    result = (int)hypercall_event_channel_op(EVTCHNOP_close, HYPERCALL_ARG(&op));
    pending_clear(port);
    events_mask_restore(was);
    return result;
}

void event_ports_start(void)
{
    for (uint32_t i = 0; i < 64; i++)
        shared_info->evtchn_mask[i] = ~0ULL;
    handlers[0] = first_handlers;
    part_clear(first_handlers);
}

void event_ports_use_fifo(void)
{
    bool was = events_mask_save();

    fifo = event_fifo_start();
    for (evtchn_port_t port = 0; fifo && port < HANDLERS_PER_PART; port++)
        if (first_handlers[port].handler)
            event_port_unmask(port);
    events_mask_restore(was);
}

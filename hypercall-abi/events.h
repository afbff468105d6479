/*
 * event_channel_op: ports, and virtual interrupts.
 */
#ifndef HYPERCALL_ABI_EVENTS_H
#define HYPERCALL_ABI_EVENTS_H

#include "hypercall-abi/types.h"

#define EVTCHNOP_bind_interdomain 0
#define EVTCHNOP_bind_virq        1
#define EVTCHNOP_bind_pirq        2
#define EVTCHNOP_close            3
#define EVTCHNOP_send             4
#define EVTCHNOP_status           5
#define EVTCHNOP_alloc_unbound    6
#define EVTCHNOP_bind_ipi         7
#define EVTCHNOP_bind_vcpu        8
#define EVTCHNOP_unmask           9
#define EVTCHNOP_reset            10
#define EVTCHNOP_init_control     11
#define EVTCHNOP_expand_array     12
#define EVTCHNOP_set_priority     13

/* Virtual interrupts.  V: one per vCPU; G: one per domain, for the control domain. */
#define VIRQ_TIMER      0 /* V: the one-shot or periodic timer */
#define VIRQ_DEBUG      1 /* V: a debug key asks for a dump */
#define VIRQ_CONSOLE    2 /* G: characters wait on the machine's console */
#define VIRQ_DOM_EXC    3 /* G: a domain has shut down, crashed or died */
#define VIRQ_TBUF       4
#define VIRQ_DEBUGGER   6
#define VIRQ_XENOPROF   7
#define VIRQ_CON_RING   8 /* G: the hypervisor logged something */
#define VIRQ_PCPU_STATE 9
#define VIRQ_MEM_EVENT  10
#define VIRQ_ARGO       11
#define VIRQ_ENOMEM     12
#define VIRQ_XENPMU     13
#define VIRQ_ARCH_0     16
#define NR_VIRQS        24

struct evtchn_alloc_unbound {
    domid_t dom, remote_dom; /* in: where the port is; who may bind to it */
    evtchn_port_t port;      /* out */
};
struct evtchn_bind_interdomain {
    domid_t remote_dom;
    evtchn_port_t remote_port;
    evtchn_port_t local_port; /* out */
};
struct evtchn_bind_virq {
    uint32_t virq;
    uint32_t vcpu;
    evtchn_port_t port; /* out */
};
struct evtchn_bind_pirq {
    uint32_t pirq;
    uint32_t flags;     /* BIND_PIRQ__* */
    evtchn_port_t port; /* out */
};
#define BIND_PIRQ__WILL_SHARE 1
struct evtchn_bind_ipi {
    uint32_t vcpu;
    evtchn_port_t port; /* out */
};
struct evtchn_close {
    evtchn_port_t port;
};
struct evtchn_send {
    evtchn_port_t port;
};

#define EVTCHNSTAT_closed      0
#define EVTCHNSTAT_unbound     1
#define EVTCHNSTAT_interdomain 2
#define EVTCHNSTAT_pirq        3
#define EVTCHNSTAT_virq        4
#define EVTCHNSTAT_ipi         5
struct evtchn_status {
    domid_t dom;
    evtchn_port_t port;
    uint32_t status; /* EVTCHNSTAT_* */
    uint32_t vcpu;   /* the vCPU it notifies */
    union {
        struct {
            domid_t dom;
        } unbound;
        struct {
            domid_t dom;
            evtchn_port_t port;
        } interdomain;
        uint32_t pirq;
        uint32_t virq;
    } u;
};
struct evtchn_bind_vcpu {
    evtchn_port_t port;
    uint32_t vcpu;
};
struct evtchn_unmask {
    evtchn_port_t port;
};
struct evtchn_reset {
    domid_t dom;
};

/*
 * The FIFO format: a word a port, in pages the guest gives (expand_array), and for each vCPU a
 * control block (init_control; the first one switches the domain to this format).  A port that is
 * pending and not masked is linked, by its word's low bits, behind the last of its queue: there is
 * one a vCPU and priority, 0 the highest.  `ready` has a bit for each queue that is not empty.
 * (Xen's docs/misc, event channel FIFO design; EVTCHNOP_* above; at most 131072 ports.)
 */
#define EVTCHN_FIFO_PRIORITY_DEFAULT 7u
#define EVTCHN_FIFO_PRIORITY_MIN     15u
#define EVTCHN_FIFO_MAX_QUEUES       16u
#define EVTCHN_FIFO_PENDING          31u
#define EVTCHN_FIFO_MASKED           30u
#define EVTCHN_FIFO_LINKED           29u
#define EVTCHN_FIFO_BUSY             28u /* a guest does not unmask the port while it is set */
#define EVTCHN_FIFO_LINK_BITS        17u
#define EVTCHN_FIFO_LINK_MASK        ((1u << EVTCHN_FIFO_LINK_BITS) - 1)
#define EVTCHN_FIFO_NR_CHANNELS      (1u << EVTCHN_FIFO_LINK_BITS)

struct evtchn_fifo_control_block {
    uint32_t ready;
    uint32_t _rsvd;
    uint32_t head[EVTCHN_FIFO_MAX_QUEUES]; /* ports; 0: none */
};
struct evtchn_init_control {
    uint64_t control_gfn;
    uint32_t offset;   /* in the frame; a multiple of 8 */
    uint32_t vcpu;     /* whose it is */
    uint8_t link_bits; /* out: EVTCHN_FIFO_LINK_BITS */
    uint8_t _pad[7];
};
struct evtchn_expand_array {
    uint64_t array_gfn; /* of words for the next 1024 ports */
};
struct evtchn_set_priority {
    evtchn_port_t port;
    uint32_t priority; /* 0 to EVTCHN_FIFO_PRIORITY_MIN */
};

#endif

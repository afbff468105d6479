/*
 * The FIFO format of event channels (hypercall-abi/events.h).  A domain gets it with its first
 * control block, and loses it when all its ports are reset.  Who calls holds the domain's port lock
 * unless it says otherwise; the queues have a lock of their own below it and below the device
 * interrupts'.
 */
#ifndef EVENTS_FIFO_H
#define EVENTS_FIFO_H

#include "events/port.h"
#include "memory/tally.h"

#define FIFO_WORDS_PER_PAGE ((uint32_t)(PAGE_SIZE / sizeof(uint32_t)))
#define FIFO_ARRAY_PAGES    (EVTCHN_FIFO_NR_CHANNELS / FIFO_WORDS_PER_PAGE)

struct fifo_vcpu {
    struct evtchn_fifo_control_block *block; /* in a frame held; NULL: none yet */
    uint32_t tail[EVTCHN_FIFO_MAX_QUEUES];   /* the last port put on each queue; 0: none */
};

struct fifo {
    struct spinlock lock;              /* guards all this, and the ports' fields that port.h says */
    uint32_t words;                    /* the ports below this number have one */
    uint32_t *array[FIFO_ARRAY_PAGES]; /* in frames held */
    struct fifo_vcpu vcpus[];          /* max_vcpus of the domain */
};

/*
 * A frame of the domain's becomes a vCPU's control block (`offset` is checked), or the words of its
 * next 1024 ports; no lock held.  -EINVAL: no frame that can be written, or the vCPU has one;
 * -EOPNOTSUPP: another format; -ENOSPC: no more ports; -ENOMEM.
 */
int must_check fifo_control_block(struct domain *d, unsigned vcpu, uint64_t gfn, uint32_t offset);
int must_check fifo_expand(struct domain *d, uint64_t gfn);
/* -ENOSYS: another format; -EACCES: the port is free; -EINVAL: no such port or priority. */
int must_check fifo_set_priority(struct domain *d, evtchn_port_t number, uint32_t priority);

/* Nobody can close the port or change the format meanwhile.  _locked: the queues' lock is held. */
void fifo_deliver(struct domain *d, struct port *p, evtchn_port_t number, unsigned vcpu);
void fifo_deliver_locked(struct domain *d, struct port *p, evtchn_port_t number, unsigned vcpu);
void fifo_unmask(struct domain *d, struct port *p, evtchn_port_t number, unsigned vcpu);
bool fifo_is_pending(struct fifo *fifo, evtchn_port_t number);
/* As port_reset. */
bool fifo_reset(struct fifo *fifo, struct port *p, evtchn_port_t number);

/* Gives the frames back; no lock held, and nobody can find it any more. */
void fifo_free(struct domain *d, struct fifo *fifo);
/* What it refers to, all other CPUs being parked. */
void fifo_tally(const struct domain *d, struct tally *t);

#endif

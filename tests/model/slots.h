/* The two domains of the model, and what its CPUs do with them. */
#ifndef MODEL_SLOTS_H
#define MODEL_SLOTS_H

#include "model/model.h"

#define TABLES   16 /* of a domain's frames: those it uses as tables, level 1 + i % 4 */
#define POOL     40
#define MAPPINGS 12
#define VCPUS    6 /* the first two run, the others are only initialised */

struct mapping {
    uint32_t handle;
    uint64_t host_addr, bus_addr;
};

/* CPUs look at each other's slots without a lock: what may change meanwhile is read by read_once,
 * and what a CPU finds may be stale. */
extern struct slot {
    struct domain *d; /* referenced while `ready`, and while a CPU is inside */
    uint32_t id;      /* the domain's; 0 while there is none */
    bool ready;       /* atomic, as the next */
    uint32_t inside;  /* CPUs that look at the domain, or are about to see that it is not ready */
    mfn_t pool[POOL];
    unsigned initialised[VCPUS];
    struct mapping mapping[MAPPINGS];
} slots[2];

/* One operation by a running vCPU. */
void guest_operates(struct vcpu *v);
/* A mixture of operations for the next run. */
void guest_mix(void);

#endif

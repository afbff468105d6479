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

extern struct slot {
    struct domain *d; /* referenced while `ready` */
    bool ready;
    mfn_t pool[POOL];
    unsigned initialised[VCPUS];
    struct mapping mapping[MAPPINGS];
} slots[2];

/* One operation by a running vCPU. */
void guest_operates(struct vcpu *v);
/* A mixture of operations for the next run. */
void guest_mix(void);

#endif

/*
 * Interrupted hypercalls.  The guest's registers are set so that it makes the call again, with
 * arguments that carry the progress, after whatever came between has been dealt with.
 */
#ifndef HYPERCALLS_CONTINUATION_H
#define HYPERCALLS_CONTINUATION_H

#include "domain/domain.h"

/* To be returned by the handler: `return continuation(NR_x, a1, a2, a3, a4, a5);` */
int64_t must_check continuation(unsigned number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                                uint64_t a5);

/* The calls inside a multicall are made again by it: while `active`, continuation() leaves the
 * new arguments here. */
struct multicall_state {
    bool active, preempted;
    uint64_t args[5];
};
extern struct multicall_state multicall_states[MAX_CPUS];

#endif

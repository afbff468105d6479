/*
 * In place of hypercall-abi/guest-stubs.h for sources that are tested on the host: the few calls
 * they make, as functions of the test.
 */
#ifndef HYPERCALL_ABI_GUEST_STUBS_H
#define HYPERCALL_ABI_GUEST_STUBS_H

#include <stdint.h>

#define HYPERCALL_ARG(x) ((uint64_t)(uintptr_t)(x))

int64_t hypercall_grant_table_op(uint64_t command, uint64_t argument, uint64_t count);
int64_t hypercall_sched_op(uint64_t command, uint64_t argument);

#endif

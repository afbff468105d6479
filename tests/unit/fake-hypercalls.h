/*
 * In place of hypercall-abi/guest-stubs.h, for files of the PV kernel that are tested on the host:
 * the calls a test is about go to functions of its own.
 */
#ifndef HYPERCALL_ABI_GUEST_STUBS_H
#define HYPERCALL_ABI_GUEST_STUBS_H

#include <stdint.h>

#define HYPERCALL_ARG(x) ((uint64_t)(uintptr_t)(x))

int64_t hypercall_event_channel_op(uint64_t operation, uint64_t argument);
int64_t hypercall_platform_op(uint64_t argument);
int64_t hypercall_physdev_op(uint64_t operation, uint64_t argument);
int64_t hypercall_sched_op(uint64_t operation, uint64_t argument);

#endif

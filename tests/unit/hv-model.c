/*
 * Two domains with two running vCPUs each, and somebody who destroys them, on a model of many CPUs
 * (tests/model): every operation on frames, tables, grants, descriptors, ports and timers, against
 * every other, interrupted anywhere.  At rest an audit recounts every reference.
 *
 * Sources: tests/model/machine.c tests/model/common.c tests/model/tlb.c tests/model/stubs.c
 * tests/model/guest.c tests/model/grants.c tests/model/world.c tests/model/runs.c
 * hypervisor/memory/frame-allocator.c hypervisor/memory/frame-owner.c
 * hypervisor/memory/frame-references.c hypervisor/memory/heap.c hypervisor/machine/tlb-clock.c
 * hypervisor/machine/timer.c hypervisor/domain/domain.c hypervisor/guest-cpu/descriptors.c
 * hypervisor/events/binding.c hypervisor/events/delivery.c hypervisor/events/fifo.c
 * hypervisor/events/fifo-queues.c hypervisor/events/port-table.c
 * hypervisor/guest-paging/entry-references.c hypervisor/guest-paging/update.c
 * hypervisor/guest-paging/walk.c hypervisor/guest-paging/pin.c
 * hypervisor/guest-paging/base-pointer.c hypervisor/guest-paging/audit.c
 * hypervisor/guest-paging/mirrors.c hypervisor/guest-paging/mirror-fault.c
 * hypervisor/guest-paging/write-log.c
 * hypervisor/guest-paging/direct-mode.c
 * hypervisor/grants/claim.c hypervisor/grants/copy.c hypervisor/grants/grant-table.c
 * hypervisor/grants/map.c hypervisor/lifecycle/audit.c hypervisor/lifecycle/create.c
 * hypervisor/lifecycle/destroy.c hypervisor/lifecycle/parts.c hypervisor/lifecycle/vcpu-parts.c
 * hypervisor/scheduling/disturbance.c hypervisor/hypercalls/dirty-log.c
 * hypervisor/domain/guest-memory.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -DHOST_MODEL
 * Libraries: -Wl,--wrap=frame_type_claim -Wl,--wrap=frames_allocate -Wl,--wrap=heap_free
 * -Wl,--wrap=virq_raise -Wl,--wrap=grant_unclaim
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "model/model.h"

/* What `make test` runs. */
#define STEPS         20000000UL
#define STEPS_A_SEED  500000UL
#define STEPS_AT_ONCE 50000UL

static void every_operation_against_every_other(void **unused)
{
    (void)unused;
    model_runs(STEPS, STEPS_A_SEED, STEPS_AT_ONCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_against_every_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

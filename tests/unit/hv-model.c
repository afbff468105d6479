/*
 * Two domains with two running vCPUs each, and somebody who destroys them, on a model of many CPUs
 * (tests/model): every operation on frames, tables, grants, descriptors, ports and timers, against
 * every other, interrupted anywhere.  At rest an audit recounts every reference.
 *
 * Sources: tests/model/machine.c tests/model/stubs.c tests/model/guest.c
 * tests/model/world.c
 * hypervisor/memory/frame-allocator.c hypervisor/memory/frame-owner.c
 * hypervisor/memory/frame-references.c hypervisor/memory/heap.c hypervisor/machine/tlb-clock.c
 * hypervisor/machine/timer.c hypervisor/domain/domain.c hypervisor/guest-cpu/descriptors.c
 * hypervisor/events/binding.c hypervisor/events/delivery.c hypervisor/events/port-table.c
 * hypervisor/guest-paging/entry-references.c hypervisor/guest-paging/update.c
 * hypervisor/guest-paging/walk.c hypervisor/guest-paging/pin.c
 * hypervisor/guest-paging/base-pointer.c hypervisor/guest-paging/audit.c
 * hypervisor/grants/claim.c hypervisor/grants/copy.c hypervisor/grants/grant-table.c
 * hypervisor/grants/map.c hypervisor/lifecycle/audit.c hypervisor/lifecycle/create.c
 * hypervisor/lifecycle/destroy.c hypervisor/lifecycle/parts.c hypervisor/lifecycle/vcpu-parts.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -DHOST_MODEL
 * Libraries: -Wl,--wrap=frame_type_claim -Wl,--wrap=frames_allocate -Wl,--wrap=heap_free
 * -Wl,--wrap=virq_raise
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "lifecycle/audit.h"
#include "lifecycle/destroy.h"
#include "memory/frame-allocator.h"
#include "model/guest.h"
#include "model/model.h"

/* What `make test` runs; MODEL_STEPS and MODEL_SEED in the environment replace it. */
#define STEPS         20000000UL
#define STEPS_A_SEED  500000UL
#define STEPS_AT_ONCE 50000UL

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text ? strtoul(text, NULL, 0) : otherwise;
}

static void audit_all(void)
{
    uint64_t frames, differences;
    struct domain *d;

    for (uint32_t next = 0; (d = domain_get_next((domid_t)next));
         next = d->id + 1U, domain_put(d)) {
        assert_int_equal(domain_audit(d, &frames, &differences), 0);
        if (differences)
            model_fail("%lu counts of domain %u differ", differences, d->id);
    }
}

/* One seed: from nothing to nothing. */
static void run_seed(uint64_t seed)
{
    uint64_t free_before = frames_free_count();
    struct domain *d;

    model_seed(seed);
    guests_begin();
    for (uint64_t steps = 0; steps < STEPS_A_SEED; steps += STEPS_AT_ONCE) {
        guests_start();
        model_run(STEPS_AT_ONCE);
        audit_all();
    }
    guests_end();
    for (uint32_t next = 0; (d = domain_get_next((domid_t)next)); next = d->id + 1U)
        fprintf(stderr, "domain %u remains: life %d, %u references, %lu frames\n", d->id, d->life,
                d->references - 1, d->frames.count);
    if (frames_free_count() != free_before)
        model_fail("%ld frames are lost", (long)(free_before - frames_free_count()));
}

static void every_operation_against_every_other(void **unused)
{
    uint64_t steps = from_environment("MODEL_STEPS", STEPS);
    uint64_t seed = from_environment("MODEL_SEED", 1), first = seed;

    (void)unused;
    model_memory_up();
    lifecycle_init();
    run_seed(seed++); /* ports' and grants' first pages of the heap come and stay */
    while (model_steps < steps)
        run_seed(seed++);
    fprintf(stderr, "model: %lu steps, seeds %lu to %lu, %lu page walks, %lu interruptions\n",
            model_steps, first, seed - 1, model_walks, model_interrupted);
    guests_report();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_against_every_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

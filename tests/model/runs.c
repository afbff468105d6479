/* From one seed to the next, and what is counted between. */
#include <stdio.h>
#include <stdlib.h>
#include "lifecycle/audit.h"
#include "lifecycle/destroy.h"
#include "memory/frame-allocator.h"
#include "model/guest.h"
#include "model/model.h"

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
        if (domain_audit(d, &frames, &differences))
            model_fail("domain %u cannot be audited", d->id);
        if (differences)
            model_fail("%lu counts of domain %u differ", differences, d->id);
    }
}

/* One seed: from nothing to nothing. */
static void run_seed(uint64_t seed, uint64_t length, uint64_t at_once)
{
    uint64_t free_before = frames_free_count();
    struct domain *d;

    model_seed(seed);
    guests_begin();
    for (uint64_t steps = 0; steps < length; steps += at_once) {
        guests_start();
        model_run(at_once);
        audit_all();
    }
    guests_end();
    for (uint32_t next = 0; (d = domain_get_next((domid_t)next)); next = d->id + 1U)
        fprintf(stderr, "domain %u remains: life %d, %u references, %lu frames\n", d->id, d->life,
                d->references - 1, d->frames.count);
    if (frames_free_count() != free_before)
        model_fail("%ld frames are lost", (long)(free_before - frames_free_count()));
}

void model_runs(uint64_t steps, uint64_t a_seed, uint64_t at_once)
{
    uint64_t seed = from_environment("MODEL_SEED", 1), first = seed;

    steps = from_environment("MODEL_STEPS", steps);
    model_memory_up();
    lifecycle_init();
    run_seed(seed++, a_seed,
             at_once); /* ports' and grants' first pages of the heap come and stay */
    while (model_steps < steps)
        run_seed(seed++, a_seed, at_once);
    fprintf(stderr, "model: %lu steps, seeds %lu to %lu, %lu page walks, %lu interruptions\n",
            model_steps, first, seed - 1, model_walks, model_interrupted);
    guests_report();
}

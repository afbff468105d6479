/* What is checked at the moment a grant ends. */
#include "grants/claim.h"
#include "lib/atomic.h"
#include "model/common.h"
#include "model/model.h"
#include "model/tlb.h"

/* The uses of a frame, for writing, by others through the owner's grants. */
static uint32_t granted_writers(struct domain *granter, uint64_t frame)
{
    struct grant_table *t = granter->grants;
    uint32_t writers = 0;

    for (grant_ref_t ref = 0; ref < grant_table_limit(t); ref++) {
        const struct grant_pin *pin = grant_pin_locked(t, ref);

        if ((pin->readers || pin->writers) && pin->frame == frame)
            writers += pin->writers;
    }
    return writers;
}

/* The last use for writing ends: its owner takes the frame for its own again. */
void __real_grant_unclaim(struct domain *granter, grant_ref_t ref, bool write, uint64_t frame);
void __wrap_grant_unclaim(struct domain *granter, grant_ref_t ref, bool write, uint64_t frame);
void __wrap_grant_unclaim(struct domain *granter, grant_ref_t ref, bool write, uint64_t frame)
{
    bool last = write && granted_writers(granter, frame) == 1;

    for (unsigned i = 0; i < MODEL_CPUS && last; i++) {
        const struct vcpu *v = model_cpus[i].vcpu;

        if (!v || v->domain == granter || v->domain->life != DOMAIN_ALIVE)
            continue;
        for (unsigned k = 0; k < TLB_ENTRIES; k++) {
            const struct tlb_entry *e = &model_tlbs[i].entry[k];

            if (e->kind == TLB_WRITE && e->frame.n == frame)
                model_fail("CPU %u may still write frame %lx, whose grant ends", i, frame);
        }
    }
    __real_grant_unclaim(granter, ref, write, frame);
}

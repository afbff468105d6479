/* See shadow-guest.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "lifecycle/audit.h"
#include "machine/registers.h"
#include "memory/frame-references.h"
#include "shadow-guest.h"
#include "model/cpu-sets.h"
#include "shadow-paging/shadow.h"

#define FRAMES 16384

uint64_t frame[GUEST];

int guest_up(void **state)
{
    (void)state;
    shadow_domain_up(FRAMES, GUEST + 1);
    for (uint64_t gfn = 0; gfn < GUEST; gfn++)
        frame[gfn] = frame_placed(gfn);
    crash_is_fatal = false;
    cpu = &cpus[0];
    vcpu = &vcpus[0];
    return 0;
}

int guest_down(void **state)
{
    (void)state;
    shadow_domain_down();
    crashes = 0;
    return 0;
}

void on(unsigned id)
{
    cpu = &cpus[id];
    vcpu = &vcpus[id];
}

pte_t *table_at(uint64_t gfn)
{
    return frame_virt(mfn(frame[gfn]));
}

pte_t entry(uint64_t gfn)
{
    return gfn << PAGE_SHIFT | OPEN;
}

void chain(const uint64_t *gfn, unsigned n, unsigned slot)
{
    for (unsigned i = 0; i + 1 < n; i++)
        table_at(gfn[i])[i ? 0 : slot] = entry(gfn[i + 1]);
}

uint64_t address_of(uint64_t i4, uint64_t i2, uint64_t i1)
{
    return i4 << 39 | i2 << 21 | i1 << 12;
}

bool access_is(uint64_t address, bool write, bool by_hypervisor)
{
    struct access a = { address, false, write, false };

    for (unsigned n = 0; n < TRIES; n++) {
        uint32_t code = (by_hypervisor ? 0 : PF_USER) | (write ? PF_WRITE : 0);

        if (by_processor(&a))
            return true;
        cpu->root = vcpu->kernel_root;
        switch (shadow_mode.fault(vcpu, address, &code)) {
        case FAULT_OF_GUEST:
            return false;
        case FAULT_OF_STORE:
            assert_true(shadow_mode.store_refused(vcpu, address));
            break;
        default:
            break;
        }
    }
    fail_msg("the same fault again and again");
    return false;
}

void assert_audit_clean(void)
{
    uint64_t frames, differences;

    assert_int_equal(domain_audit(&domain, &frames, &differences), 0);
    assert_int_equal(differences, 0);
}

void flush(uint64_t mask)
{
    shadow_mode.flush(vcpu, SET_OF(mask), FLUSH_ALL, 0);
}

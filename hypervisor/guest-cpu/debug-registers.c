/* Debug registers: SDM volume 3, 17.2.  See debug-registers.h. */
#include "guest-cpu/debug-registers.h"
#include "domain/guest-memory.h"
#include "guest-cpu/switch.h"
#include "lib/errno.h"
#include "memory/page-table-entry.h"

#define DR6_KEPT        0xe00fUL
#define DR7_FIXED       0x400UL
#define DR7_RESERVED    0xdc00UL
#define DR7_GENERAL     (1UL << 13)
#define DR7_ACTIVE      0xffUL
#define BREAKPOINT_PORT 2 /* in a breakpoint's two bits of what it is for */

void debug_registers_init(struct vcpu *v)
{
    v->debug[6] = DR6_NOTHING;
    v->debug[7] = DR7_FIXED;
}

/* Only breakpoints on guest addresses: ports are the hypervisor's to watch, and with general detect
 * it would meet a trap at its own accesses. */
static int set_control(struct vcpu *v, uint64_t value)
{
    if (value >> 32)
        return -EINVAL;
    if (value & DR7_GENERAL)
        return -EPERM;
    value = (value & ~DR7_RESERVED) | DR7_FIXED;
    for (unsigned i = 0; value & DR7_ACTIVE && i < 4; i++)
        if ((value >> (16 + 4 * i) & 3) == BREAKPOINT_PORT)
            return -EPERM;
    v->debug[7] = value;
    v->debug_active = value & DR7_ACTIVE;
    dr7_write(value);
    vcpu_load_debug(v);
    return 0;
}

static int set_status(struct vcpu *v, uint64_t value)
{
    if (value >> 32)
        return -EINVAL;
    v->debug[6] = (value & DR6_KEPT) | DR6_NOTHING;
    return 0;
}

/* Bits 4 to 11 and 16 to 31 are set where nothing happened, the others are clear there. */
void debug_status_take(struct vcpu *v)
{
    uint64_t status = dr6_read();

    dr6_write(DR6_NOTHING);
    v->debug[6] = (v->debug[6] | (status & ~DR6_NOTHING)) & (status | ~DR6_NOTHING);
}

static int set_breakpoint(struct vcpu *v, uint64_t reg, uint64_t address)
{
    if (!guest_range_ok(address, 8) || !address_is_canonical(address))
        return -EPERM;
    v->debug[reg] = address;
    vcpu_load_debug(v);
    return 0;
}

/* 4 and 5 by the names of 6 and 7; 8: there is no such register. */
static uint64_t named(const struct vcpu *v, uint64_t reg)
{
    if (reg != 4 && reg != 5)
        return min(reg, 8UL);
    return v->debug_extensions ? 8 : reg + 2;
}

int debug_register_set(struct vcpu *v, uint64_t reg, uint64_t value)
{
    switch (named(v, reg)) {
    case 0 ... 3:
        return set_breakpoint(v, reg, value);
    case 6:
        return set_status(v, value);
    case 7:
        return set_control(v, value);
    default:
        return -ENODEV;
    }
}

int debug_register_get(const struct vcpu *v, uint64_t reg, uint64_t *value)
{
    reg = named(v, reg);
    if (reg >= 8)
        return -ENODEV;
    *value = v->debug[reg];
    return 0;
}

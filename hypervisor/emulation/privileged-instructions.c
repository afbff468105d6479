/* What a stock kernel executes natively although paravirtualized: MSRs and control registers at
 * boot, port I/O, CPUID. */
#include "emulation/privileged-instructions.h"
#include "domain/guest-memory.h"
#include "emulation/fetch.h"
#include "emulation/operands.h"
#include "emulation/port-access.h"
#include "guest-cpu/cpuid-view.h"
#include "guest-cpu/debug-registers.h"
#include "guest-cpu/msr-view.h"
#include "guest-cpu/trap-injection.h"
#include "lib/string.h"
#include "machine/cpu-features.h"

#define GUEST_CR0 (CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG)

static uint64_t guest_cr4(const struct vcpu *v)
{
    uint64_t cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | (v->debug_extensions ? CR4_DE : 0);

    return cpu_features.xsave ? cr4 | CR4_OSXSAVE : cr4;
}

static void emulate_cpuid(struct vcpu *v, struct cpu_regs *regs)
{
    struct cpuid_leaf r = cpuid_view(v->domain, (uint32_t)regs->rax, (uint32_t)regs->rcx);

    regs->rax = r.a;
    regs->rbx = r.b;
    regs->rcx = r.c;
    regs->rdx = r.d;
}

/* A guest that has no handler for #GP yet gets 0, and its writes ignored, as under Xen. */
static bool has_gp_handler(struct vcpu *v)
{
    return v->traps[TRAP_GP].address != 0;
}

static bool emulate_msr(struct vcpu *v, struct cpu_regs *regs, bool write)
{
    uint64_t value = (uint32_t)regs->rax | regs->rdx << 32;

    if (write)
        return !msr_view_write(v, (uint32_t)regs->rcx, value) || !has_gp_handler(v);
    if (msr_view_read(v, (uint32_t)regs->rcx, &value)) {
        if (has_gp_handler(v))
            return false;
        value = 0;
    }
    regs->rax = (uint32_t)value;
    regs->rdx = value >> 32;
    return true;
}

static bool read_control(struct vcpu *v, struct cpu_regs *regs, const struct instruction *i)
{
    uint64_t value;

    switch (i->control) {
    case 0:
        value = GUEST_CR0 | (v->ts ? CR0_TS : 0);
        break;
    case 2:
        value = v->info->arch.cr2;
        break;
    case 3:
        value = v->domain->mode->root_gfn(v, false) << PAGE_SHIFT;
        break;
    case 4:
        value = guest_cr4(v);
        break;
    default:
        return false;
    }
    *operand_register(regs, i->reg) = value;
    return true;
}

static bool write_control(struct vcpu *v, struct cpu_regs *regs, const struct instruction *i)
{
    uint64_t value = *operand_register(regs, i->reg);

    switch (i->control) {
    case 0:
        if ((value ^ GUEST_CR0) & ~CR0_TS)
            return false;
        v->ts = value & CR0_TS;
        cr0_write(v->ts ? cr0_read() | CR0_TS : cr0_read() & ~CR0_TS);
        return true;
    case 2:
        v->info->arch.cr2 = value;
        return true;
    case 4:
        v->debug_extensions = value & CR4_DE;
        return true; /* of the rest, what the guest may have is on */
    default:
        return false;
    }
}

static bool emulate_xsetbv(struct cpu_regs *regs)
{
    uint64_t value = (uint32_t)regs->rax | regs->rdx << 32;

    /* Guests run with all the state components they were shown; less makes no difference. */
    return cpu_features.xsave && !(uint32_t)regs->rcx && (value & 1) &&
           !(value & ~cpu_features.xcr0);
}

static bool emulate(struct vcpu *v, struct cpu_regs *regs, const struct instruction *i)
{
    switch (i->op) {
    case OP_RDMSR:
    case OP_WRMSR:
        return emulate_msr(v, regs, i->op == OP_WRMSR);
    case OP_CPUID:
        emulate_cpuid(v, regs);
        return true;
    case OP_XSETBV:
        return emulate_xsetbv(regs);
    case OP_READ_CR:
        return read_control(v, regs, i);
    case OP_WRITE_CR:
        return write_control(v, regs, i);
    case OP_READ_DR:
        return !debug_register_get(v, i->control, operand_register(regs, i->reg));
    case OP_CLTS:
        v->ts = false;
        __asm__ volatile("clts");
        return true;
    case OP_WRITE_DR:
        return !debug_register_set(v, i->control, *operand_register(regs, i->reg));
    case OP_WBINVD: /* caches are coherent; devices of the control domain snoop */
        return true;
    default:
        return false;
    }
}

static bool names_no_register(const struct vcpu *v, const struct instruction *i)
{
    uint64_t value;

    return (i->op == OP_READ_DR || i->op == OP_WRITE_DR) && v->mode == VCPU_KERNEL &&
           debug_register_get(v, i->control, &value);
}

bool privileged_instruction_emulate(struct vcpu *v, struct cpu_regs *regs)
{
    const struct instruction *i = instruction_at(v, regs->rip);

    if (!i)
        return false;
    v->domain->counters.emulated_instructions++;
    if (i->op >= OP_IN && i->op <= OP_OUTS)
        return port_instruction(v, regs, i);
    if (names_no_register(v, i)) {
        inject_trap(v, regs, TRAP_UD, 0);
        return true;
    }
    if (i->op == OP_CLI || i->op == OP_STI ? !iopl_allows(v) /* the event mask is what counts */
                                           : v->mode != VCPU_KERNEL || !emulate(v, regs, i))
        return false;
    regs->rip += i->length;
    return true;
}

bool forced_cpuid_emulate(struct vcpu *v, struct cpu_regs *regs)
{
    static const uint8_t prefix[7] = { 0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2 };
    uint8_t bytes[7];

    if (guest_read(bytes, regs->rip, sizeof(bytes)) || memcmp(bytes, prefix, sizeof(bytes)))
        return false;
    emulate_cpuid(v, regs);
    regs->rip += sizeof(bytes);
    return true;
}

int software_interrupt_vector(struct cpu_regs *regs)
{
    uint8_t bytes[2];

    if (guest_read(bytes, regs->rip, sizeof(bytes)) || bytes[0] != 0xcd)
        return -1;
    return bytes[1];
}

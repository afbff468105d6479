/* Exceptions and interrupts, by where they came from. */
#include "domain/domain.h"
#include "domain/guest-memory.h"
#include "emulation/privileged-instructions.h"
#include "entry/page-fault.h"
#include "entry/panic.h"
#include "guest-cpu/debug-registers.h"
#include "guest-cpu/trap-injection.h"
#include "lib/atomic.h"
#include "lib/string.h"
#include "machine/cpu-features.h"
#include "machine/exception-table.h"
#include "machine/interrupts.h"
#include "machine/latency.h"
#include "machine/machine-check.h"
#include "machine/registers.h"

void trap_from_guest(struct cpu_regs *regs);
void trap_from_hypervisor(struct cpu_regs *regs);
void return_to_guest_reset(struct cpu *cpu) __attribute__((noreturn));
extern const uint8_t guest_iret_instruction[], quick_iret_instruction[];
extern const uint8_t quick_paths_start[], quick_paths_end[];

static void general_protection(struct vcpu *v, struct cpu_regs *regs)
{
    uint32_t error = regs->error_code;
    int vector;

    /* Error codes with the IDT bit come from INT n alone: the gates are closed to ring 3. */
    if (error & 2) {
        vector = software_interrupt_vector(regs);
        if (vector >= 0) {
            inject_software_interrupt(v, regs, (unsigned)vector);
            return;
        }
    } else if (!error && privileged_instruction_emulate(v, regs)) {
        return;
    }
    inject_trap(v, regs, TRAP_GP, error);
}

static void debug_exception(struct vcpu *v, struct cpu_regs *regs)
{
    debug_status_take(v);
    inject_trap(v, regs, TRAP_DB, 0);
}

/* The guest's own FPU trap, or (TS set by a hypercall) what it asked for. */
static void no_device(struct vcpu *v, struct cpu_regs *regs)
{
    v->ts = false;
    __asm__ volatile("clts");
    inject_trap(v, regs, TRAP_NM, 0);
}

/* It may have come anywhere, inside the log's lock too: it is told of on the way out. */
static void note_nmi(void)
{
    atomic_or(&this_cpu()->deferred, DEFERRED_NMI);
}

/* The first two pages of the stack block: tss_fill. */
static bool on_stack_of_nmis(const struct cpu_regs *regs)
{
    uint64_t apart = regs->rsp - ((uint64_t)this_cpu() & ~(STACK_BYTES - 1));

    return !(regs->cs & 3) && apart <= 2 * PAGE_SIZE;
}

/* As an NMI, if it can be gone on after it. */
static void machine_check(const struct cpu_regs *regs)
{
    /* The way out of an exception lets NMIs in: not while one's frame is still on their stack, nor
     * while ours has been used already. */
    if (!machine_check_survived() || on_stack_of_nmis(regs))
        panic_registers(regs, "machine check");
    atomic_or(&this_cpu()->deferred, DEFERRED_CHECK);
}

void trap_from_guest(struct cpu_regs *regs)
{
    struct vcpu *v = current_vcpu();

    latency_begin_for(LATENCY_TRAP + regs->vector);
    if (unlikely(cpu_features.smap))
        __asm__ volatile("clac" ::
                             : "memory"); /* the guest's own AC must not open its memory to us */
    if (likely(regs->vector == TRAP_PF)) {
        guest_page_fault(v, regs);
        return;
    }
    if (regs->vector >= 32) {
        interrupt_dispatch(regs);
        return;
    }
    switch (regs->vector) {
    case TRAP_GP:
        general_protection(v, regs);
        break;
    case TRAP_UD:
        if (!forced_cpuid_emulate(v, regs))
            inject_trap(v, regs, TRAP_UD, 0);
        break;
    case TRAP_DB:
        debug_exception(v, regs);
        break;
    case TRAP_NM:
        no_device(v, regs);
        break;
    case TRAP_NMI:
        note_nmi();
        break;
    case TRAP_MC:
        machine_check(regs);
        break;
    default:
        inject_trap(v, regs, regs->vector, regs->error_code);
    }
}

/*
 * IRET to the guest faulted: its selectors, flags or address were bad.  The general registers
 * were the guest's already, and the fault pushed its frame over their saved copies; rip to ss are
 * untouched.  Put the frame together again and have the guest told, as if the fault were that of
 * the first instruction there.
 */
static void guest_return_failed(const struct cpu_regs *nested) __attribute__((noreturn));

static void guest_return_failed(const struct cpu_regs *nested)
{
    struct cpu *cpu = this_cpu();
    struct cpu_regs copy = *nested;

    latency_begin_for(LATENCY_TRAP + nested->vector);
    copy.rip = cpu->frame.rip;
    copy.cs = cpu->frame.cs;
    copy.rflags = cpu->frame.rflags;
    copy.rsp = cpu->frame.rsp;
    copy.ss = cpu->frame.ss;
    cpu->frame = copy;
    inject_trap(cpu->vcpu, &cpu->frame, copy.vector, copy.error_code);
    return_to_guest_reset(cpu);
}

void trap_from_hypervisor(struct cpu_regs *regs)
{
    struct cpu *cpu = this_cpu();
    uint64_t fixup;

    if (regs->vector >= 32) {
        latency_begin_for(LATENCY_INSIDE + regs->vector);
        interrupt_dispatch(regs);
        latency_end((uint64_t)interrupt_dispatch);
        return;
    }
    if (regs->vector == TRAP_NMI) {
        note_nmi();
        return;
    }
    if (regs->vector == TRAP_MC) {
        machine_check(regs);
        return;
    }
    if (regs->vector == TRAP_DF)
        panic_registers(regs, "exception"); /* wherever it hit: it is not for a fixup */
    /* A breakpoint of the guest's that fired on one of our accesses for it does not count; off
     * until we are back, so that one copy does not fire it a thousand times. */
    if (regs->vector == TRAP_DB) {
        dr6_write(DR6_NOTHING);
        dr7_write(0x400);
        atomic_or(&cpu->deferred, DEFERRED_FINISH);
        return;
    }
    fixup = exception_fixup(regs->rip);
    if (fixup) {
        bool quick = regs->rip >= (uint64_t)quick_paths_start &&
                     regs->rip < (uint64_t)quick_paths_end; /* C will see the fault again */

        if (quick || regs->vector != TRAP_PF || !cpu->vcpu || !guest_access_fault(cpu->vcpu, regs))
            regs->rip = fixup;
        return;
    }
    if (regs->rip == (uint64_t)guest_iret_instruction ||
        regs->rip == (uint64_t)quick_iret_instruction)
        guest_return_failed(regs);
    panic_registers(regs, "exception");
}

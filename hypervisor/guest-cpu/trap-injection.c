/*
 * Bounce frames: rcx, r11, [error code,] rip, cs with the old event mask above it, rflags, rsp,
 * ss, lowest address first.  rcx and r11 are there because SYSRET, the quick way back into the
 * guest, loses them.
 */
#include "guest-cpu/trap-injection.h"
#include "domain/domain.h"
#include "domain/guest-memory.h"
#include "guest-cpu/switch.h"
#include "lib/atomic.h"
#include "memory/page-table-entry.h"

#define MASK_IN_CS 32

/* Flags a handler does not start with; the frame keeps them. */
#define FLAGS_CLEARED (RFLAGS_AC | RFLAGS_VM | RFLAGS_RF | RFLAGS_NT | RFLAGS_TF)

/* The guest's view of rflags: IF is the event mask's inverse, IOPL is virtual. */
static uint64_t guest_flags(const struct vcpu *v, const struct cpu_regs *regs)
{
    uint64_t flags = regs->rflags & ~(RFLAGS_IF | RFLAGS_IOPL);

    if (v->iopl_shown)
        flags |= (uint64_t)v->iopl << 12;
    return flags | (read_once(v->info->evtchn_upcall_mask) ? 0 : RFLAGS_IF);
}

#define CALLS_SHOWN 6

/* A guest whose stack is at its end cannot say itself who called whom; kernels built with frame
 * pointers tell us.  Each word is the guest's own, and read like any other of its memory. */
static void crash_on_stack(const struct vcpu *v, const struct cpu_regs *regs, uint64_t stack)
{
    uint64_t frame = regs->rbp, calls[CALLS_SHOWN] = { 0 }, words[2];

    for (unsigned i = 0; i < CALLS_SHOWN && !guest_read_words(words, frame, 2); i++) {
        calls[i] = words[1];
        if (words[0] <= frame)
            break;
        frame = words[0];
    }
    domain_crash(v->domain,
                 "v%u: its kernel stack at %lx cannot be written (rip %lx, called from %lx %lx %lx "
                 "%lx %lx %lx)",
                 v->id, stack, regs->rip, calls[0], calls[1], calls[2], calls[3], calls[4],
                 calls[5]);
}

/* Puts n words on the guest's kernel stack and switches to it. */
static bool stack_push(struct vcpu *v, struct cpu_regs *regs, uint64_t stack, const uint64_t *words,
                       unsigned n)
{
    stack = (stack & ~15UL) - 8 * n;
    if (unlikely(guest_write_words(stack, words, n))) {
        crash_on_stack(v, regs, stack);
        return false;
    }
    regs->rsp = stack;
    regs->ss = FLAT_KERNEL_SS;
    return true;
}

static void enter_at(struct vcpu *v, struct cpu_regs *regs, uint64_t address, bool mask_events)
{
    if (unlikely(!address)) {
        domain_crash(v->domain, "v%u: no handler for vector %u, error %x at %lx", v->id,
                     regs->vector, regs->error_code, regs->rip);
        return;
    }
    regs->rip = address;
    regs->cs = FLAT_KERNEL_CS;
    regs->rflags = (regs->rflags & ~FLAGS_CLEARED) | RFLAGS_IF;
    regs->vector = ENTRY_SYSCALL; /* rcx and r11 are on the stack: SYSRET will do */
    if (mask_events)
        v->info->evtchn_upcall_mask = 1;
}

/* Fills the part of the frame every entry shares: rip, cs, rflags, rsp, ss. */
static void frame_tail(struct vcpu *v, const struct cpu_regs *regs, uint64_t *to)
{
    bool kernel = v->mode == VCPU_KERNEL;
    uint64_t mask = read_once(v->info->evtchn_upcall_mask);

    to[0] = regs->rip;
    to[1] = (kernel ? regs->cs & ~3UL : regs->cs) | mask << MASK_IN_CS;
    to[2] = guest_flags(v, regs);
    to[3] = regs->rsp;
    to[4] = regs->ss;
}

/* Switches to the guest's kernel, if it is not there; returns the stack to use. */
static uint64_t kernel_stack(struct vcpu *v, const struct cpu_regs *regs)
{
    if (v->mode == VCPU_KERNEL)
        return regs->rsp;
    vcpu_enter_kernel(v);
    return v->kernel_sp;
}

static void bounce(struct vcpu *v, struct cpu_regs *regs, uint64_t address, bool mask_events)
{
    uint64_t frame[7];

    frame[0] = regs->rcx;
    frame[1] = regs->r11;
    frame_tail(v, regs, frame + 2);
    if (likely(stack_push(v, regs, kernel_stack(v, regs), frame, 7)))
        enter_at(v, regs, address, mask_events);
}

static void bounce_with_error(struct vcpu *v, struct cpu_regs *regs, const struct guest_trap *t,
                              uint32_t error_code)
{
    uint64_t frame[8];

    frame[0] = regs->rcx;
    frame[1] = regs->r11;
    frame[2] = error_code;
    frame_tail(v, regs, frame + 3);
    if (likely(stack_push(v, regs, kernel_stack(v, regs), frame, 8)))
        enter_at(v, regs, t->address, t->flags & TI_MASK_EVENTS);
}

void inject_trap(struct vcpu *v, struct cpu_regs *regs, unsigned vector, uint32_t error_code)
{
    const struct guest_trap *t = &v->traps[vector];

    v->domain->counters.traps_bounced++;
    regs->vector = vector; /* for the message, should there be no handler */
    if (vector < 32 && (TRAPS_WITH_ERROR_CODE >> vector & 1))
        bounce_with_error(v, regs, t, error_code);
    else
        bounce(v, regs, t->address, t->flags & TI_MASK_EVENTS);
}

void inject_page_fault(struct vcpu *v, struct cpu_regs *regs, uint64_t address, uint32_t error_code)
{
    /* Ring 3 is the guest's kernel too; what counts for it is the mode it thinks it is in. */
    error_code = v->mode == VCPU_KERNEL ? error_code & ~PF_USER : error_code | PF_USER;
    /* Nothing is said about what the hypervisor has mapped. */
    if (address >= HYPERVISOR_VIRT_START && address < HYPERVISOR_VIRT_END)
        error_code &= ~PF_PRESENT;
    v->info->arch.cr2 = address;
    inject_trap(v, regs, TRAP_PF, error_code);
}

void inject_event(struct vcpu *v, struct cpu_regs *regs)
{
    v->domain->counters.upcalls++;
    bounce(v, regs, v->event.address, true);
}

void inject_syscall(struct vcpu *v, struct cpu_regs *regs, bool compat)
{
    const struct guest_callback *to = compat ? &v->syscall32 : &v->syscall;

    if (unlikely(!to->address)) {
        regs->rip -= 2;
        inject_trap(v, regs, TRAP_UD, 0);
        return;
    }
    /* What SYSCALL did to the two registers. */
    regs->rcx = regs->rip;
    regs->r11 = regs->rflags;
    bounce(v, regs, to->address, to->mask_events);
}

void inject_failsafe(struct vcpu *v, struct cpu_regs *regs)
{
    uint64_t frame[11] = { regs->rcx, regs->r11, v->ds, v->es, v->fs, v->gs };

    frame_tail(v, regs, frame + 6);
    if (stack_push(v, regs, kernel_stack(v, regs), frame, 11))
        enter_at(v, regs, v->failsafe.address, v->failsafe.mask_events);
}

void inject_software_interrupt(struct vcpu *v, struct cpu_regs *regs, unsigned vector)
{
    const struct guest_trap *t = &v->traps[vector];
    unsigned dpl = t->flags & TI_DPL_MASK;

    /* A guest's kernel counts as ring 1, as it did on 32 bits. */
    if (t->address && dpl >= (v->mode == VCPU_KERNEL ? 1 : 3)) {
        regs->rip += 2;
        inject_trap(v, regs, vector, 0);
    } else {
        inject_trap(v, regs, TRAP_GP, vector * 8 + 2);
    }
}

void nmi_deliver(struct vcpu *v, struct cpu_regs *regs)
{
    if (v->nmi_busy || !read_once(v->nmi_pending))
        return;
    atomic_exchange(&v->nmi_pending, 0);
    if (!v->traps[TRAP_NMI].address)
        return; /* it does not want to know */
    v->nmi_busy = true;
    inject_trap(v, regs, TRAP_NMI, 0);
}

static __attribute__((noinline)) void nmi_end(struct vcpu *v)
{
    v->nmi_busy = false;
    if (read_once(v->nmi_pending))
        atomic_or(&this_cpu()->deferred, DEFERRED_FINISH);
}

void guest_iret(struct vcpu *v, struct cpu_regs *regs)
{
    struct iret_context f;

    if (unlikely(guest_read_words((uint64_t *)&f, regs->rsp, sizeof(f) / 8))) {
        domain_crash(v->domain, "v%u: iret: its frame at %lx cannot be read", v->id, regs->rsp);
        return;
    }
    if ((f.cs & 3) == 3) { /* NOLINT: read above, in assembly */
        if (unlikely(!v->user_root)) {
            domain_crash(v->domain, "v%u: iret to user mode without a user page table", v->id);
            return;
        }
        vcpu_enter_user(v);
    }
    regs->rip = f.rip;
    regs->cs = (f.cs & 0xffff) | 3;
    regs->rflags =
        (f.rflags & ~(RFLAGS_IOPL | RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP)) | RFLAGS_IF | RFLAGS_MBS;
    regs->rsp = f.rsp;
    regs->ss = (f.ss & 0xffff) | 3;
    regs->rax = f.rax;
    if (f.flags & VGCF_in_syscall) {
        regs->vector = ENTRY_SYSCALL;
    } else {
        regs->vector = 0;
        regs->r11 = f.r11;
        regs->rcx = f.rcx;
    }
    v->info->evtchn_upcall_mask = !(f.rflags & RFLAGS_IF);
    if (unlikely(v->iopl_shown))
        v->iopl = f.rflags >> 12 & 3;
    if (unlikely(v->nmi_busy))
        nmi_end(v);
}

/*
 * Traps: registers the entries of start.S with the hypervisor and decides what an exception
 * means.  Built without vector registers, so a handler that repairs the fault disturbs nothing.
 */
#include "pv-kernel/traps.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/print.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/guest-stubs.h"

#define VECTORS 32

static trap_handler_t handlers[VECTORS];

void event_entry(void);
void failsafe_entry(void);
void trap_handle(struct trap_frame *frame);
void trap_failsafe(void);

/* clang-format off */
#define EACH_VECTOR(X)                                                                             \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16)    \
    X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)
/* clang-format on */

#define DECLARE(n) void trap_##n(void);
EACH_VECTOR(DECLARE)

void trap_set_handler(unsigned int vector, trap_handler_t handler)
{
    if (vector < VECTORS)
        handlers[vector] = handler;
}

uint64_t trap_fault_address(void)
{
    return ((volatile struct vcpu_info *)shared_info->vcpu_info)->arch.cr2;
}

static void print_back_trace(uint64_t frame_pointer)
{
    for (int depth = 0; depth < 12; depth++) {
        const uint64_t *frame = (const uint64_t *)frame_pointer;

        if (frame_pointer < 0x1000 || frame_pointer >= start_info->nr_pages << 12 ||
            (frame_pointer & 7))
            return;
        kprintf("  called from %p\n", (void *)frame[1]);
        if (frame[0] <= frame_pointer)
            return;
        frame_pointer = frame[0];
    }
}

static void print_registers(const struct trap_frame *f)
{
    kprintf("exception %lu, error code %lx, at %lx, fault address %lx\n", f->vector, f->error_code,
            f->rip, trap_fault_address());
    kprintf("  rax %016lx rbx %016lx rcx %016lx\n", f->rax, f->rbx, f->rcx);
    kprintf("  rdx %016lx rsi %016lx rdi %016lx\n", f->rdx, f->rsi, f->rdi);
    kprintf("  rbp %016lx rsp %016lx r8  %016lx\n", f->rbp, f->rsp, f->r8);
    kprintf("  r9  %016lx r10 %016lx r11 %016lx\n", f->r9, f->r10, f->r11);
    kprintf("  r12 %016lx r13 %016lx r14 %016lx\n", f->r12, f->r13, f->r14);
    kprintf("  r15 %016lx cs %lx ss %lx flags %lx\n", f->r15, f->cs, f->ss, f->rflags);
    print_back_trace(f->rbp);
}

void trap_handle(struct trap_frame *frame)
{
    static bool dying;

    if (handlers[frame->vector] && handlers[frame->vector](frame))
        return;
    if (!dying) {
        dying = true;
        print_registers(frame);
    }
    kernel_panic("unhandled exception %lu", frame->vector);
}

void trap_failsafe(void)
{
    kernel_panic("failsafe callback: a segment or return frame was refused");
}

static void callback(uint16_t type, void (*entry)(void))
{
    struct callback_register op = { .type = type,
                                    .flags = CALLBACKF_mask_events,
                                    .address = (uint64_t)(uintptr_t)entry };

    if (hypercall_callback_op(CALLBACKOP_register, HYPERCALL_ARG(&op)))
        kernel_panic("callback %u was refused", type);
}

void traps_start(void)
{
    static const struct trap_info table[VECTORS + 1] = {
#define ROW(n) { n, (n) == 3 || (n) == 4 ? 3 : 0, FLAT_KERNEL_CS, (uint64_t)(uintptr_t)trap_##n },
        EACH_VECTOR(ROW){ 0, 0, 0, 0 }
    };

    if (hypercall_set_trap_table(HYPERCALL_ARG(table)))
        kernel_panic("the trap table was refused");
    callback(CALLBACKTYPE_event, event_entry);
    callback(CALLBACKTYPE_failsafe, failsafe_entry);
}

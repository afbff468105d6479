/*
 * The ways into a guest's kernel that are neither trap nor event: the failsafe callback, for
 * selectors and return frames the processor refuses; system calls of 32-bit programs; and how all
 * of them are set and forgotten.
 */
#include "guest-test.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/sched.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"
#include "pv-kernel/traps.h"

#define NOT_THERE 0x1230         /* beyond our GDT */
#define GONE      (4UL << 3 | 3) /* in it for a while */

struct entry_frame {
    uint64_t rcx, r11;
    uint64_t ds, es, fs, gs; /* failsafe only */
    uint64_t rip, cs, rflags, rsp, ss;
};

void leave(const struct iret_context *frame);
void failsafe_first(void);
void failsafe_second(void);
void syscall_second(void);
void syscall32_arrives(void);
void came_failsafe(const struct entry_frame *frame, int which);
void came_syscall(const uint64_t *frame, int which);
void event_entry(void);
void user32_calls(void);
void user32_after(void);
void user64_calls(void);

static struct entry_frame seen;
static volatile int entered; /* 1, 2: failsafe; 3, 4: system calls; 5: exception; else nothing */
static struct trap_frame trap;
static void *resume[5];
static char *kernel_stack, *other_stack;
static uint64_t *gdt;

__asm__(".text\n"
        "leave:\n"
        "    mov %rdi, %rsp\n"
        "    mov $23, %eax\n"
        "    syscall\n"
        "failsafe_first:\n"
        "    mov $1, %esi\n"
        "    jmp 1f\n"
        "failsafe_second:\n"
        "    mov $2, %esi\n"
        "1:  mov %rsp, %rdi\n"
        "    cld\n"
        "    call came_failsafe\n"
        "syscall_second:\n"
        "    mov $3, %esi\n"
        "    jmp 1f\n"
        "syscall32_arrives:\n"
        "    mov $4, %esi\n"
        "1:  mov %rsp, %rdi\n"
        "    cld\n"
        "    call came_syscall\n"
        "user64_calls:\n"
        "    syscall\n"
        "    .code32\n"
        "user32_calls:\n"
        "    syscall\n"
        "user32_after:\n"
        "    hlt\n"
        "    .code64\n");

void came_failsafe(const struct entry_frame *frame, int which)
{
    seen = *frame;
    entered = which;
    __builtin_longjmp(resume, 1);
}

/* A system call's frame has no selectors. */
void came_syscall(const uint64_t *frame, int which)
{
    seen = (struct entry_frame){ .rcx = frame[0],
                                 .r11 = frame[1],
                                 .rip = frame[2],
                                 .cs = frame[3],
                                 .rflags = frame[4],
                                 .rsp = frame[5],
                                 .ss = frame[6] };
    entered = which;
    __builtin_longjmp(resume, 1);
}

static void back(void)
{
    entered = 5;
    __builtin_longjmp(resume, 1);
}

static bool on_trap(struct trap_frame *frame)
{
    trap = *frame;
    frame->rip = (uint64_t)(uintptr_t)back;
    frame->cs = FLAT_KERNEL_CS & ~3UL;
    frame->ss = FLAT_KERNEL_SS & ~3UL;
    frame->rsp = HYPERCALL_ARG(other_stack) + PAGE_SIZE - 8;
    frame->rflags = 0x200;
    return true;
}

static uint8_t mask(void)
{
    return ((volatile struct vcpu_info *)shared_info->vcpu_info)->evtchn_upcall_mask;
}

/* Where a return to such a frame arrives. */
static int arrives(const struct iret_context *frame)
{
    entered = 0;
    if (!__builtin_setjmp(resume))
        leave(frame);
    return entered;
}

static struct iret_context frame_of(uint64_t rip, uint64_t cs, uint64_t ss)
{
    return (struct iret_context){ .rax = 1,
                                  .r11 = 0x1111,
                                  .rcx = 0x2222,
                                  .rip = rip,
                                  .cs = cs,
                                  .rflags = 0x201,
                                  .rsp = HYPERCALL_ARG(other_stack) + PAGE_SIZE - 64,
                                  .ss = ss };
}

static int64_t set(uint16_t type, void (*entry)(void), uint16_t flags)
{
    struct callback_register op = { .type = type,
                                    .flags = flags,
                                    .address = (uint64_t)(uintptr_t)entry };

    return hypercall_callback_op(CALLBACKOP_register, HYPERCALL_ARG(&op));
}

/* A frame the processor refuses is an exception at the place it would have gone to. */
static void bad_frames(void)
{
    struct iret_context bad = frame_of(0x123456, NOT_THERE, FLAT_KERNEL_SS);

    check("code selector that is not there", arrives(&bad), 5);
    check("a general protection fault", (int64_t)trap.vector, 13);
    check("its error code", (int64_t)trap.error_code, NOT_THERE);
    check("address", (int64_t)trap.rip, 0x123456);
    check("selector, of a kernel", (int64_t)(trap.cs & 0xffff), NOT_THERE);
    check("flags", (int64_t)trap.rflags & 0x3ed5, 0x201);
    check("stack", (int64_t)trap.rsp, (int64_t)bad.rsp);
    check("stack selector", (int64_t)(trap.ss & 0xffff), FLAT_KERNEL_SS);
    check("rcx", (int64_t)trap.rcx, 0x2222);
    check("r11", (int64_t)trap.r11, 0x1111);
    check("events were open", (int64_t)(trap.cs >> 32), 0);
    bad = frame_of(0x123456, FLAT_KERNEL_CS & ~3UL, NOT_THERE);
    bad.rflags = 1;
    check("stack selector that is not there", arrives(&bad), 5);
    check("is told", (int64_t)(trap.ss & 0xffff), NOT_THERE | 3);
    check("by its error code too", (int64_t)trap.error_code, NOT_THERE);
    check("events were masked", (int64_t)(trap.cs >> 32 & 0xff), 1);
    bad = frame_of(0x123456, NOT_THERE | 3, FLAT_RING3_SS64);
    check("kernel stack",
          hypercall_stack_switch(FLAT_KERNEL_SS, HYPERCALL_ARG(kernel_stack) + PAGE_SIZE), 0);
    check("user mode's selector", arrives(&bad), 5);
    check("stays a user's", (int64_t)(trap.cs & 0xffff), NOT_THERE | 3);
    check("user's stack", (int64_t)trap.rsp, (int64_t)bad.rsp);
}

static int64_t pin(int32_t cpu)
{
    struct sched_pin_override op = { .pcpu = cpu };

    return hypercall_sched_op(SCHEDOP_pin_override, HYPERCALL_ARG(&op));
}

/* A selector whose descriptor goes away is told of when the next CPU does not load it. */
static int loses_selector(void)
{
    uint64_t at = frames_virt_to_machine(gdt) + (GONE & ~7UL);

    pin(0);
    hypercall_update_descriptor(at, 0x00cff3000000ffffUL); /* flat data */
    entered = 0;
    if (!__builtin_setjmp(resume)) {
        __asm__ volatile("mov %0, %%es" : : "r"(GONE));
        hypercall_update_descriptor(at, 0);
        pin(-1);
        pin(1); /* comes back here if nobody minds */
        hypercall_sched_op(SCHEDOP_yield, 0);
    }
    __asm__ volatile("mov %0, %%es" : : "r"(0));
    pin(-1);
    return entered;
}

static void selectors_gone(void)
{
    uint64_t frames[1] = { frames_virt_to_mfn(gdt) };

    check("protect GDT", page_tables_protect(gdt, false), 0);
    check("GDT", hypercall_set_gdt(HYPERCALL_ARG(frames), 16), 0);
    check("failsafe callback", set(CALLBACKTYPE_failsafe, failsafe_first, CALLBACKF_mask_events),
          0);
    check("selector that is gone", loses_selector(), 1);
    check("its name", (int64_t)seen.es, GONE);
    check("its neighbours", (int64_t)(seen.ds | seen.fs | seen.gs), 0);
    check("from the kernel", (int64_t)(seen.cs & 0xffff), FLAT_KERNEL_CS & ~3UL);
    check("its stack", (int64_t)(seen.ss & 0xffff), FLAT_KERNEL_SS);
    check("events were open", (int64_t)(seen.cs >> 32 & 0xff), 0);
    check("and are masked", mask(), 1);
    shared_info->vcpu_info[0].evtchn_upcall_mask = 0;
    check("failsafe that masks nothing", set(CALLBACKTYPE_failsafe, failsafe_second, 0), 0);
    check("gone again", loses_selector(), 2);
    check("events are open", mask(), 0);
}

static void system_calls_of_32_bits(void)
{
    struct iret_context user =
        frame_of((uint64_t)(uintptr_t)user32_calls, FLAT_RING3_CS32, FLAT_RING3_DS32);

    check("32-bit call, no callback", arrives(&user), 5);
    check("undefined instruction", (int64_t)trap.vector, 6);
    check_true("at the call", trap.rip == user.rip);
    check("syscall32 callback",
          set(CALLBACKTYPE_syscall32, syscall32_arrives, CALLBACKF_mask_events), 0);
    check("and its sibling's", set(CALLBACKTYPE_syscall, syscall_second, CALLBACKF_mask_events), 0);
    check("32-bit call", arrives(&user), 4);
    check_true("return address", seen.rip == (uint64_t)(uintptr_t)user32_after);
    check_true("also in rcx", seen.rcx == seen.rip);
    check("code selector", (int64_t)(seen.cs & 0xffff), FLAT_RING3_CS32);
    check_true("stack", seen.rsp == user.rsp);
    check("masked", mask(), 1);
    shared_info->vcpu_info[0].evtchn_upcall_mask = 0;
}

static void all_at_once(void)
{
    struct iret_context user =
        frame_of((uint64_t)(uintptr_t)user64_calls, FLAT_RING3_CS64, FLAT_RING3_SS64);
    uint64_t event = (uint64_t)(uintptr_t)event_entry, call = (uint64_t)(uintptr_t)syscall_second;
    uint64_t failsafe = (uint64_t)(uintptr_t)failsafe_second;

    check("masking failsafe", set(CALLBACKTYPE_failsafe, failsafe_first, CALLBACKF_mask_events), 0);
    check("set all callbacks", hypercall_set_callbacks(event, failsafe, call), 0);
    check("system call", arrives(&user), 3);
    check("masks nothing", mask(), 0);
    check("callbacks that cannot be",
          hypercall_set_callbacks(event, 0x8000000000000000UL, 0x8000000000000000UL), 0);
    check("the old one stays", arrives(&user), 3);
    if (!kernel_is_initial_domain())
        return;
    check("the old failsafe too", loses_selector(), 2);
    check("and masks nothing", mask(), 0);
}

static int64_t forget(uint16_t type)
{
    struct callback_unregister gone = { .type = type };

    return hypercall_callback_op(CALLBACKOP_unregister, HYPERCALL_ARG(&gone));
}

static void forgetting(void)
{
    check("forget events", forget(CALLBACKTYPE_event), -XEN_EINVAL);
    check("forget failsafe", forget(CALLBACKTYPE_failsafe), -XEN_EINVAL);
    check("forget system calls", forget(CALLBACKTYPE_syscall), -XEN_EINVAL);
    check("forget an old kind", forget(CALLBACKTYPE_sysenter_deprecated), -XEN_ENOSYS);
    check("forget, wild", hypercall_callback_op(CALLBACKOP_unregister, BAD_POINTER), -XEN_EFAULT);
    if (kernel_is_initial_domain())
        check("still there", loses_selector(), 2);
}

void guest_test(void)
{
    struct mmuext_op root = { .cmd = MMUEXT_NEW_USER_BASEPTR,
                              .arg1.mfn = frames_virt_to_mfn((void *)start_info->pt_base) };

    kernel_stack = frames_alloc(0);
    other_stack = frames_alloc(0);
    gdt = frames_alloc(0);
    for (unsigned int vector = 0; vector < 32; vector++)
        trap_set_handler(vector, on_trap);
    check("user root", hypercall_mmuext_op(HYPERCALL_ARG(&root), 1, 0, DOMID_SELF), 0);
    bad_frames();
    if (kernel_is_initial_domain())
        selectors_gone();
    system_calls_of_32_bits();
    all_at_once();
    forgetting();
}

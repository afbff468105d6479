/*
 * User mode: the kernel's own page tables serve as the user root too; iret goes there, system
 * calls, faults and events come back on the kernel's stack with the kernel's GS base.
 */
#include "guest-test.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/physdev.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/traps.h"

static char *kernel_stack, *user_stack;
static volatile int user_vector;
static volatile uint64_t user_error, user_address, user_cs;

/* What came with the system call. */
volatile uint64_t call_rax, call_rcx, call_r11, call_rip, call_cs, call_flags, call_rsp;
uint64_t kernel_rsp, iret_flags = 0x200;

int64_t user_run(void (*fn)(void), void *stack);
void user_syscall_entry(void);
void user_back(void);

/*
 * user_run: saves the kernel's place, goes to fn in user mode.  user_syscall_entry: where system
 * calls arrive; notes the frame and returns from user_run.  user_back does the last part only.
 */
__asm__(".text\n"
        "user_run:\n"
        "    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "    mov %rsp, kernel_rsp\n"
        "    pushq $0xe02b\n"
        "    push %rsi\n"
        "    push iret_flags\n"
        "    pushq $0xe033\n"
        "    push %rdi\n"
        "    pushq $0; pushq $0; pushq $0; pushq $0\n" /* flags, rcx, r11, rax */
        "    mov $23, %eax\n"
        "    syscall\n"
        "user_syscall_entry:\n"
        "    mov %rax, call_rax\n"
        "    pop call_rcx; pop call_r11; pop call_rip; pop call_cs; pop call_flags; pop call_rsp\n"
        "    xor %eax, %eax\n"
        "user_back:\n"
        "    mov kernel_rsp, %rsp\n"
        "    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "    ret\n"
        /* user code */
        "user_calls:\n"
        "    mov $0x1234, %eax\n"
        "    syscall\n"
        "user_calls_end:\n"
        "user_faults:\n"
        "    movb $1, 0x10\n"
        "user_halts:\n"
        "    hlt\n"
        "user_interrupts:\n"
        "    int $3\n"
        "user_reads_gs:\n"
        "    mov %gs:0, %rax\n"
        "    syscall\n"
        "user_flags:\n"
        "    std\n"
        "    syscall\n"
        "user_cli:\n"
        "    cli\n"
        "    syscall\n"
        "user_sti:\n"
        "    sti\n"
        "    syscall\n"
        "user_in:\n"
        "    in $0x80, %al\n"
        "    syscall\n"
        "user_out:\n"
        "    out %al, $0x80\n"
        "    syscall\n");

void user_calls(void);
void user_calls_end(void);
void user_faults(void);
void user_halts(void);
void user_interrupts(void);
void user_reads_gs(void);
void user_flags(void);
void user_cli(void);
void user_sti(void);
void user_in(void);
void user_out(void);

static bool from_user(struct trap_frame *frame)
{
    if ((frame->cs & 3) != 3)
        return false;
    user_vector = (int)frame->vector;
    user_error = frame->error_code;
    user_cs = frame->cs & 0xffff;
    user_address = trap_fault_address();
    frame->rip = (uint64_t)(uintptr_t)user_back;
    frame->cs = FLAT_KERNEL_CS & ~3UL;
    frame->rflags = 0x200;
    frame->rax = 1;
    return true;
}

static int64_t run(void (*fn)(void))
{
    user_vector = -1;
    return user_run(fn, user_stack + PAGE_SIZE);
}

static void setup(void)
{
    struct callback_register op = { .type = CALLBACKTYPE_syscall,
                                    .flags = CALLBACKF_mask_events,
                                    .address = (uint64_t)(uintptr_t)user_syscall_entry };
    struct mmuext_op root = { .cmd = MMUEXT_NEW_USER_BASEPTR,
                              .arg1.mfn = frames_virt_to_mfn((void *)start_info->pt_base) };

    kernel_stack = frames_alloc(1);
    user_stack = frames_alloc(0);
    for (unsigned int vector = 0; vector < 32; vector++)
        trap_set_handler(vector, from_user);
    check("user root", hypercall_mmuext_op(HYPERCALL_ARG(&root), 1, 0, DOMID_SELF), 0);
    check("kernel stack",
          hypercall_stack_switch(FLAT_KERNEL_SS, HYPERCALL_ARG(kernel_stack) + 2 * PAGE_SIZE), 0);
    check("syscall entry", hypercall_callback_op(CALLBACKOP_register, HYPERCALL_ARG(&op)), 0);
}

static void system_calls(void)
{
    check("system call", run(user_calls), 0);
    check("its number", (int64_t)call_rax, 0x1234);
    check_true("return address", call_rip == (uint64_t)(uintptr_t)user_calls_end);
    check_true("also in rcx", call_rcx == call_rip);
    check_true("user's stack", call_rsp == (uint64_t)(uintptr_t)(user_stack + PAGE_SIZE));
    check("user's code selector", (int64_t)(call_cs & 0xffff), FLAT_RING3_CS64);
    check_true("user's flags", call_flags & 0x200);
    check("events were open", (int64_t)(call_cs >> 32 & 0xff), 0);
    check("and are masked", shared_info->vcpu_info[0].evtchn_upcall_mask, 1);
    shared_info->vcpu_info[0].evtchn_upcall_mask = 0;
}

static void exceptions(void)
{
    check("page fault", run(user_faults), 1);
    check("vector", user_vector, 14);
    check("a user's write", (int64_t)user_error & 7, 6);
    check("address", (int64_t)user_address, 0x10);
    check("from", (int64_t)user_cs, FLAT_RING3_CS64);
    check("hlt", run(user_halts), 1);
    check("is a general protection fault", user_vector, 13);
    check("int3", run(user_interrupts), 1);
    check("is a breakpoint", user_vector, 3);
}

static void segments(void)
{
    static uint64_t kernel_word = 11, user_word = 22;
    uint64_t seen;

    hypercall_set_segment_base(SEGBASE_GS_KERNEL, HYPERCALL_ARG(&kernel_word));
    hypercall_set_segment_base(SEGBASE_GS_USER, HYPERCALL_ARG(&user_word));
    check("read GS in user mode", run(user_reads_gs), 0);
    check("user's GS base", (int64_t)call_rax, 22);
    __asm__ volatile("mov %%gs:0, %0" : "=r"(seen));
    check("kernel's GS base", (int64_t)seen, 11);
    shared_info->vcpu_info[0].evtchn_upcall_mask = 0;
}

static void kernel_cli(void)
{
    __asm__ volatile("cli");
}

static void kernel_in(void)
{
    __asm__ volatile("in $0x80, %%al" : : : "rax");
}

/* The level the guest's kernel has asked for: by a call; or, if it wants so, by iret's flags, and
 * then its kernel counts as ring 0. */
static void one_level(uint32_t level, bool architectural)
{
    static void (*const user[])(void) = { user_cli, user_sti, user_in, user_out };
    struct physdev_set_iopl iopl = { .iopl = level };
    bool kernel_may = level || architectural;

    iret_flags = 0x200 | (architectural ? level << 12 : 0);
    for (unsigned int i = 0; i < 4; i++) {
        hypercall_physdev_op(PHYSDEVOP_set_iopl, HYPERCALL_ARG(&iopl));
        check(architectural ? "user, by flags" : "user, by call", run(user[i]), level < 3);
        check("vector", user_vector, level < 3 ? 13 : -1);
        shared_info->vcpu_info[0].evtchn_upcall_mask = 0;
    }
    for (unsigned int vector = 0; vector < 32; vector++)
        trap_set_handler(vector, NULL);
    hypercall_physdev_op(PHYSDEVOP_set_iopl, HYPERCALL_ARG(&iopl));
    check(architectural ? "cli, by flags" : "cli, by call", trapped(kernel_cli),
          kernel_may ? -1 : 13);
    hypercall_physdev_op(PHYSDEVOP_set_iopl, HYPERCALL_ARG(&iopl));
    check("in", trapped(kernel_in), kernel_may ? -1 : 13);
    for (unsigned int vector = 0; vector < 32; vector++)
        trap_set_handler(vector, from_user);
}

static void io_levels(void)
{
    for (uint32_t level = 0; level <= 3; level++)
        one_level(level, false);
    check("architectural IOPL",
          hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_architectural_iopl), 0);
    for (uint32_t level = 0; level <= 3; level++)
        one_level(level, true);
    check("as it was", hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_architectural_iopl), 0);
    iret_flags = 0x200;
}

void guest_test(void)
{
    setup();
    system_calls();
    exceptions();
    segments();
    check("direction flag", run(user_flags), 0);
    check_true("kept in the frame", call_flags & 0x400);
    __asm__ volatile("cld");
    shared_info->vcpu_info[0].evtchn_upcall_mask = 0;
    io_levels();
}

/*
 * SYSCALL from a guest.  Each CPU's LSTAR points to a stub of its own (entry/cpu-entry.c) that
 * saves the stack pointer in the CPU's frame and comes here with rsp at the frame's start.  rcx
 * holds rip, r11 rflags; interrupts are off (SFMASK).
 *
 * Three ways go from here.  Hypercalls save what C may change.  A user program's system call and
 * the iret that ends it are finished here if nothing about them is unusual: they look at each
 * value once, touch guest memory only between quick_paths_start and _end, and whatever is not
 * plain, a fault on that memory too, starts anew on the way through C with the registers as they
 * were.  They are short, so nobody measures how long they keep interrupts off, and set no deferred
 * mark; one that came with an interrupt has that interrupt waiting.
 */
#include "asm-offsets.h"
#include "machine/exception-table.h"

#define SS_USER 0xe02b
#define CS_64   0xe033
#define CS_32   0xe023

#define ENTRY_SYSCALL   0x100
#define ENTRY_SYSCALL32 0x101

#define MODE_USER   0
#define MODE_KERNEL 1
#define NR_IRET     23
#define NR_LIMIT    64

#define FLAG_IF 0x200
/* TF, NT, RF, VM: SYSRET is not for these. */
#define FLAGS_NEED_IRET 0x34100
/* AC, VM, RF, NT, TF: a handler does not start with them. */
#define FLAGS_CLEARED 0x74100
/* IOPL, VM, VIF, VIP: never the guest's to set. */
#define FLAGS_OURS 0x1a3000

#define UPCALL_PENDING 0 /* in vcpu_info */
#define UPCALL_MASK    1

/* struct iret_context */
#define I_RAX    0
#define I_R11    8
#define I_RCX    16
#define I_FLAGS  24
#define I_RIP    32
#define I_CS     40
#define I_RFLAGS 48
#define I_RSP    56
#define I_SS     64
#define IN_SYSCALL 0x100 /* in its flags: rcx and r11 stay */

/* What C may change. */
.macro SAVE_CHANGING
    movq %r11, R_RFLAGS(%rsp)
    movq %rcx, R_RIP(%rsp)
    movq %rdi, R_RDI(%rsp)
    movq %rsi, R_RSI(%rsp)
    movq %rdx, R_RDX(%rsp)
    movq %rax, R_RAX(%rsp)
    movq %r8, R_R8(%rsp)
    movq %r9, R_R9(%rsp)
    movq %r10, R_R10(%rsp)
.endm

/* The rest of the frame, as the guest's instruction left it; C keeps rbp and r12 to r15. */
.macro SAVE_REST cs, vector
    movq $SS_USER, R_SS(%rsp)
    movq $\cs, R_CS(%rsp)
    movl $\vector, R_VECTOR(%rsp)
    movl $0, R_ERROR(%rsp)
    movq %rcx, R_RCX(%rsp)
    movq %r11, R_R11(%rsp)
    movq %rbp, R_RBP(%rsp)
    movq %r12, R_R12(%rsp)
    movq %r13, R_R13(%rsp)
    movq %r14, R_R14(%rsp)
    movq %r15, R_R15(%rsp)
.endm

/* Everything into the frame, for C to look at and change. */
.macro SAVE_FRAME cs, vector
    SAVE_CHANGING
    SAVE_REST \cs, \vector
    NOTE_TIME
.endm

/* Interrupts are off from here (machine/latency.h).  Changes rax and rdx. */
.macro NOTE_TIME
    movl %eax, CPU_CLOSED_FOR(%rsp)
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, CPU_CLOSED_SINCE(%rsp)
.endm

    .text
    .globl syscall_entry, syscall32_entry
    .globl quick_paths_start, quick_paths_end, quick_iret_instruction

syscall_entry:
    movq %rbx, R_RBX(%rsp)
    movq CPU_VCPU(%rsp), %rbx
    cmpl $MODE_KERNEL, VCPU_MODE(%rbx)
    jne user_call
    cmpq $NR_IRET, %rax
    je quick_iret

    /* A hypercall: number in rax, arguments in rdi, rsi, rdx, r10, r8. */
    SAVE_CHANGING
    incq VCPU_HYPERCALLS(%rbx)
    NOTE_TIME
    movq R_RAX(%rsp), %rax
    movq R_RDX(%rsp), %rdx
    cmpq $NR_LIMIT, %rax
    jae no_such_call
    movq %r10, %rcx
    leaq hypercall_table(%rip), %r11
    call *(%r11,%rax,8)

hypercall_return:
    movq %rax, R_RAX(%rsp)
    cmpl $0, CPU_DEFERRED(%rsp)
    jne hypercall_return_slow
    movq VCPU_INFO(%rbx), %rcx
    movzwl (%rcx), %ecx     /* as in return.S: pending and not masked? */
    decl %ecx
    cmpl $0xff, %ecx
    jb hypercall_return_slow
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    subq CPU_CLOSED_SINCE(%rsp), %rax
    cmpq CPU_LONGEST(%rsp), %rax
    ja hypercall_return_slow
    movq R_RFLAGS(%rsp), %r11
    testl $FLAGS_NEED_IRET, %r11d
    jnz hypercall_return_slow
    movq R_RIP(%rsp), %rcx
    movq %rcx, %rax         /* SYSRET: rip must be canonical (XSA-7) */
    sarq $47, %rax
    incl %eax
    cmpl $1, %eax
    ja hypercall_return_slow
    movq R_RDI(%rsp), %rdi
    movq R_RSI(%rsp), %rsi
    movq R_RDX(%rsp), %rdx
    movq R_RAX(%rsp), %rax
    movq R_R8(%rsp), %r8
    movq R_R9(%rsp), %r9
    movq R_R10(%rsp), %r10
    movq R_RBX(%rsp), %rbx
    movq R_RSP(%rsp), %rsp
    sysretq

no_such_call:
    movq $-38, %rax /* -ENOSYS */
    jmp hypercall_return

hypercall_return_slow:
    movq R_RIP(%rsp), %rcx
    movq R_RFLAGS(%rsp), %r11
    SAVE_REST CS_64, ENTRY_SYSCALL
    jmp return_to_guest

/*
 * A user program's system call: rcx, r11, rip, cs with the event mask above it (0), rflags, rsp
 * and ss go to the guest kernel's stack (guest-cpu/trap-injection.c), where its handler begins.
 * IF is set and IOPL 0 in every guest's rflags, as the frame has to show them.
 */
user_call:
    cmpl $0, VCPU_CARE(%rbx)
    jne 3f
    movq %rdx, R_RDX(%rsp)
    movq VCPU_SYSCALL_STACK(%rbx), %rdx
    testq %rdx, %rdx
    jz 2f
    movq %rax, R_RAX(%rsp)
    movq VCPU_INFO(%rbx), %rax
    cmpb $0, UPCALL_MASK(%rax)
    jne 1f
    swapgs
    movq VCPU_KERNEL_ROOT(%rbx), %rax
    movq %rax, CPU_ROOT(%rsp)
    movq %rax, %cr3
    cmpb $0, cpu_features + FEATURES_SMAP(%rip)
    jne 4f
quick_paths_start:
10: movq %rcx, (%rdx)
11: movq %r11, 8(%rdx)
12: movq %rcx, 16(%rdx)
13: movq $CS_64, 24(%rdx)
14: movq %r11, 32(%rdx)
    movq R_RSP(%rsp), %rax
15: movq %rax, 40(%rdx)
16: movq $SS_USER, 48(%rdx)
    movq VCPU_INFO(%rbx), %rax
    movb $1, UPCALL_MASK(%rax)
    movl $MODE_KERNEL, VCPU_MODE(%rbx)
    incq VCPU_ROOT_SWITCHES(%rbx)
    movq VCPU_SYSCALL_ADDRESS(%rbx), %rcx
    andq $~FLAGS_CLEARED, %r11
    movq %rdx, R_RSP(%rsp)
    movq R_RAX(%rsp), %rax
    movq R_RDX(%rsp), %rdx
    movq R_RBX(%rsp), %rbx
    movq R_RSP(%rsp), %rsp
    sysretq

4:  stac
    jmp quick_paths_start

user_call_fault:
    cmpb $0, cpu_features + FEATURES_SMAP(%rip)
    je 5f
    clac
5:  swapgs
    movq VCPU_USER_ROOT(%rbx), %rax
    movq %rax, CPU_ROOT(%rsp)
    movq %rax, %cr3
1:  movq R_RAX(%rsp), %rax
2:  movq R_RDX(%rsp), %rdx
3:  SAVE_FRAME CS_64, ENTRY_SYSCALL
    movq %rbx, %rdi
    movq %rsp, %rsi
    xorl %edx, %edx
    call inject_syscall
    jmp return_to_guest

    EXCEPTION_FIXUP(10b, user_call_fault)
    EXCEPTION_FIXUP(11b, user_call_fault)
    EXCEPTION_FIXUP(12b, user_call_fault)
    EXCEPTION_FIXUP(13b, user_call_fault)
    EXCEPTION_FIXUP(14b, user_call_fault)
    EXCEPTION_FIXUP(15b, user_call_fault)
    EXCEPTION_FIXUP(16b, user_call_fault)

/*
 * HYPERVISOR_iret to a user program that runs with events on: struct iret_context lies at the
 * guest's rsp, in the upper half of its addresses.  Nothing of the vCPU's but the event mask, which
 * C would set anew, changes before all of it has been read.  Its selectors, flags and addresses are
 * the processor's to refuse, which trap_from_hypervisor knows of.
 */
quick_iret:
    incq VCPU_HYPERCALLS(%rbx)
    movq %rcx, R_RCX(%rsp)
    movq %r11, R_R11(%rsp)
    movq R_RSP(%rsp), %rcx
    movq %rcx, %rax         /* HYPERVISOR_VIRT_END is 15 times 2^43 below the end */
    sarq $43, %rax
    cmpq $-15, %rax
    jb iret_in_c
    cmpl $0, VCPU_CARE(%rbx)
    jne iret_in_c
    cmpq $0, VCPU_USER_ROOT(%rbx)
    je iret_in_c
    movq VCPU_INFO(%rbx), %rax
    cmpb $0, UPCALL_PENDING(%rax) /* one that comes now has its interrupt after it */
    jne iret_in_c
    movb $0, UPCALL_MASK(%rax)
    cmpb $0, cpu_features + FEATURES_SMAP(%rip)
    jne 3f
20: movzwl I_CS(%rcx), %eax
    movq %rax, R_CS(%rsp)
    notl %eax
    testb $3, %al
    jnz iret_unusual
21: movzwl I_SS(%rcx), %eax
    orl $3, %eax
    movq %rax, R_SS(%rsp)
22: testl $IN_SYSCALL, I_FLAGS(%rcx)
    jnz iret_unusual
23: movq I_RFLAGS(%rcx), %rax
    testl $FLAG_IF, %eax
    jz iret_unusual
    andq $~FLAGS_OURS, %rax
    movq %rax, R_RFLAGS(%rsp)
24: movq I_RIP(%rcx), %rax
    movq %rax, R_RIP(%rsp)
25: movq I_RSP(%rcx), %rax
    movq %rax, R_RSP(%rsp)
26: movq I_R11(%rcx), %r11
27: movq I_RAX(%rcx), %rax
28: movq I_RCX(%rcx), %rcx
quick_paths_end:
    movl $MODE_USER, VCPU_MODE(%rbx)
    incq VCPU_ROOT_SWITCHES(%rbx)
    movq VCPU_USER_ROOT(%rbx), %rbx
    movq %rbx, CPU_ROOT(%rsp)
    movq %rbx, %cr3
    swapgs
    movq R_RBX(%rsp), %rbx
    addq $R_RIP, %rsp
quick_iret_instruction:
    iretq

3:  stac
    jmp 20b

/* rcx is still where the frame is. */
iret_unusual:
    movq %rcx, R_RSP(%rsp)
    cmpb $0, cpu_features + FEATURES_SMAP(%rip)
    je iret_in_c
    clac
iret_in_c:
    movl $NR_IRET, %eax
    movq R_RCX(%rsp), %rcx
    movq R_R11(%rsp), %r11
    SAVE_FRAME CS_64, ENTRY_SYSCALL
    movq %rbx, %rdi
    movq %rsp, %rsi
    call guest_iret
    jmp return_to_guest

    EXCEPTION_FIXUP(20b, iret_unusual)
    EXCEPTION_FIXUP(21b, iret_unusual)
    EXCEPTION_FIXUP(22b, iret_unusual)
    EXCEPTION_FIXUP(23b, iret_unusual)
    EXCEPTION_FIXUP(24b, iret_unusual)
    EXCEPTION_FIXUP(25b, iret_unusual)
    EXCEPTION_FIXUP(26b, iret_unusual)
    EXCEPTION_FIXUP(27b, iret_unusual)
    EXCEPTION_FIXUP(28b, iret_unusual)

syscall32_entry:
    movq %rbx, R_RBX(%rsp)
    SAVE_FRAME CS_32, ENTRY_SYSCALL32
    movq CPU_VCPU(%rsp), %rdi
    movq %rsp, %rsi
    movl $1, %edx
    call inject_syscall
    jmp return_to_guest
    .section .note.GNU-stack, "", @progbits

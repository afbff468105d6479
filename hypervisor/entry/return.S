/*
 * The way out.  rsp is at the CPU's frame.  In order: work left for now (deferred marks), an
 * event for the guest, then the registers.  All with interrupts off, so nothing new can come in
 * between without an interrupt right after.
 */
#include "asm-offsets.h"
#include "machine/exception-table.h"

#define SS_USER 0xe02b
#define CS_64   0xe033
#define ENTRY_SYSCALL 0x100
/* TF, NT, RF, VM: SYSRET is not for these. */
#define FLAGS_NEED_IRET 0x34100

    .text
    .globl return_to_guest, return_to_guest_reset, idle_loop_reset, guest_iret_instruction

/* void return_to_guest_reset(struct cpu *) */
return_to_guest_reset:
    movq %rdi, %rsp

return_to_guest:
    cmpl $0, CPU_DEFERRED(%rsp)
    jne deferred
    movq CPU_VCPU(%rsp), %rdi
    movq VCPU_INFO(%rdi), %rax
    movzwl (%rax), %eax     /* pending in the low byte, mask in the high one */
    decl %eax
    cmpl $0xff, %eax        /* pending and not masked: 1 to 0xff before */
    jb event

restore:
    rdtsc                   /* how long were interrupts off? (machine/latency.h) */
    shlq $32, %rdx
    orq %rdx, %rax
    subq CPU_CLOSED_SINCE(%rsp), %rax
    cmpq CPU_LONGEST(%rsp), %rax
    ja longest
2:  cmpl $ENTRY_SYSCALL, R_VECTOR(%rsp)
    jne by_iret
    /* SYSRET: rip must be canonical (XSA-7), selectors and flags plain. */
    movq R_RIP(%rsp), %rcx
    movq %rcx, %rax
    sarq $47, %rax
    jnz 3f
1:  cmpw $CS_64, R_CS(%rsp)
    jne by_iret
    cmpw $SS_USER, R_SS(%rsp)
    jne by_iret
    movq R_RFLAGS(%rsp), %r11
    testl $FLAGS_NEED_IRET, %r11d
    jnz by_iret
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    addq $8, %rsp
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    addq $8, %rsp
    popq %rdx
    popq %rsi
    popq %rdi
    movq (R_RSP - R_ERROR)(%rsp), %rsp
    sysretq

3:  cmpq $-1, %rax
    je 1b

by_iret:
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    addq $8, %rsp
guest_iret_instruction:
    iretq

longest:
    movq %rax, CPU_LONGEST(%rsp)
    movq $0, CPU_LONGEST_AT(%rsp)
    movl CPU_CLOSED_FOR(%rsp), %eax
    movl %eax, CPU_LONGEST_FOR(%rsp)
    jmp 2b

deferred:
    call deferred_work_run
    jmp return_to_guest

event:
    movq %rsp, %rsi
    call inject_event
    /* A guest whose stack is bad is marked for a crash: look again.  But not for another event:
     * a vCPU that unmasks them for this one could go on for ever. */
    cmpl $0, CPU_DEFERRED(%rsp)
    jne deferred
    jmp restore

/* void idle_loop_reset(struct cpu *) */
idle_loop_reset:
    movq %rdi, %rsp
    call idle_loop
    ud2
    .section .note.GNU-stack, "", @progbits

/*
 * SYSCALL from a guest.  Each CPU's LSTAR points to a stub of its own (entry/cpu-entry.c) that
 * saves the stack pointer in the CPU's frame and comes here with rsp just below it:
 *
 *     frame.ss    <- rsp + 8
 *     frame.rsp   <- rsp        (already filled)
 *
 * rcx holds rip, r11 rflags; interrupts are off (SFMASK).
 */
#include "asm-offsets.h"

#define SS_USER 0xe02b
#define CS_64   0xe033
#define CS_32   0xe023

#define ENTRY_SYSCALL   0x100
#define ENTRY_SYSCALL32 0x101

.macro SAVE_FRAME cs, vector
    movq $SS_USER, 8(%rsp)
    pushq %r11
    pushq $\cs
    pushq %rcx
    movabsq $(\vector << 32), %rcx
    pushq %rcx
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    movq CPU_VCPU(%rsp), %rbx
    cld
    /* Interrupts are off from here (machine/latency.h); the arguments stay where they are. */
    movl %eax, CPU_CLOSED_FOR(%rsp)
    movq %rax, %r12
    movq %rdx, %r13
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, CPU_CLOSED_SINCE(%rsp)
    movq %r12, %rax
    movq %r13, %rdx
.endm

    .text
    .globl syscall_entry, syscall32_entry

syscall_entry:
    SAVE_FRAME CS_64, ENTRY_SYSCALL
    cmpl $1, VCPU_MODE(%rbx)
    jne 2f

    /* A hypercall: number in rax, arguments in rdi, rsi, rdx, r10, r8. */
    incq VCPU_HYPERCALLS(%rbx)
    cmpq $64, %rax
    jae 3f
    movq %r10, %rcx
    leaq hypercall_table(%rip), %r11
    call *(%r11,%rax,8)
    movq %rax, R_RAX(%rsp)
    jmp return_to_guest
3:  movq $-38, R_RAX(%rsp) /* -ENOSYS */
    jmp return_to_guest

2:  movq %rbx, %rdi
    movq %rsp, %rsi
    xorl %edx, %edx
    call inject_syscall
    jmp return_to_guest

syscall32_entry:
    SAVE_FRAME CS_32, ENTRY_SYSCALL32
    movq %rbx, %rdi
    movq %rsp, %rsi
    movl $1, %edx
    call inject_syscall
    jmp return_to_guest
    .section .note.GNU-stack, "", @progbits

/*
 * The 256 gates of the IDT.  Each stub of 16 bytes makes the frame alike for all vectors (an
 * error code, the vector above it) and goes on in one place.  From a guest the frame lands in
 * the CPU's own place at the top of its stack; from the hypervisor, below whatever runs.
 */
#include "asm-offsets.h"

    .text
    .globl exception_stubs
    .balign 16
exception_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21)
    movl $vector, 4(%rsp)
    .else
    pushq $0
    movl $vector, 4(%rsp)
    .endif
    .if (vector == 1) || (vector == 2) || (vector == 8) || (vector == 18)
    jmp exception_own_stack
    .else
    jmp exception_common
    .endif
    .set vector, vector + 1
    .endr

.macro SAVE_REGISTERS
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
    cld
.endm

/*
 * Debug exceptions, NMIs, double faults and machine checks have stacks of their own: they may hit
 * the first instruction of a SYSCALL stub, where the stack is still the guest's (XSA-260).  If it
 * was a guest that was interrupted, the frame moves to the CPU's own place, which is free then.
 */
exception_own_stack:
    SAVE_REGISTERS
    testb $3, R_CS(%rsp)
    jz 1f
    movq %rsp, %rsi
    movq %rsp, %rax
    orq $0x7fff, %rax
    leaq (1 - CPU_STRUCT_BYTES)(%rax), %rdi
    movq %rdi, %rax
    movl $(FRAME_BYTES / 8), %ecx
    rep movsq
    movq %rax, %rsp
    movq %rax, %rdi
    call trap_from_guest
    jmp return_to_guest

exception_common:
    SAVE_REGISTERS
    testb $3, R_CS(%rsp)
    jz 1f
    movq %rsp, %rdi
    call trap_from_guest
    jmp return_to_guest

1:  movq %rsp, %rdi
    movq %rsp, %rbp
    andq $-16, %rsp
    call trap_from_hypervisor
    movq %rbp, %rsp
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
    iretq
    .section .note.GNU-stack, "", @progbits

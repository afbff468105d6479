/*
 * Notes for the builder, the first instruction, the ways in, and the way back.
 *
 * Frames are the processor's own, from the lowest address: error code, rip, cs, rflags, rsp, ss.
 * Below them lie rcx and r11 on the way in, and flags, rcx, r11, rax on the way back.
 */
#include "hypercall-abi/elf-notes.h"

    .macro note type, value:vararg
    .pushsection .note.Xen, "a", @note
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \value
2:  .balign 4
    .popsection
    .endm
    note XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
    note XEN_ELFNOTE_VIRT_BASE, .quad 0                 /* address 0 is frame 0 */
    note XEN_ELFNOTE_ENTRY, .quad _start
    note XEN_ELFNOTE_SUPPORTED_FEATURES, .long 1 << 2   /* auto_translated_physmap */

    .macro each instruction, operands:vararg
    .irp operand, \operands
    \instruction \operand
    .endr
    .endm

    .comm stacks, 16384, 16         /* lower half: for entries from user mode */
    .lcomm user_caller, 8

    .globl _start, page_fault_entry, syscall_entry, user_run, user_leave, user_program
_start:
    mov $stacks + 16384, %rsp
    mov %rsi, %rdi                  /* struct start_info: what a boot loader would hand over */
    call tiny

page_fault_entry:
    each pop, %rcx, %r11
    each push, %rax, %rcx, %rdx, %rbx, %rsi, %rdi, %r8, %r9, %r10, %r11
    lea 80(%rsp), %rdi              /* struct frame */
    cld
    call page_fault
    each pop, %r11, %r10, %r9, %r8, %rdi, %rsi, %rbx, %rdx, %rcx, %rax
    add $8, %rsp                    /* the error code */
interrupt_return:                   /* iretq */
    each push, $0, %rcx, %r11, %rax
    mov $23, %eax
    syscall

/* uint64_t user_run(rip, rsi): in user mode until it makes a system call; returns its rax. */
user_run:
    each push, %rbx, %rbp, %r12, %r13, %r14, %r15
    mov %rsp, user_caller
    each push, $0xe02b, $0, $2, $0xe033, %rdi   /* ss, no stack, interrupts off, ring 3, rip */
    jmp interrupt_return
syscall_entry:                      /* on the kernel's stack, with a frame: as by a gate */
user_leave:
    mov user_caller, %rsp
    each pop, %r15, %r14, %r13, %r12, %rbp, %rbx
    ret

    .balign 4096                    /* a page of its own, which user mode may read */
user_program:
    mov (%rsi), %rax
    syscall
    .balign 4096

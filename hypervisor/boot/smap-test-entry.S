/*
 * SMAP self-test: into ring 3 and back.  What runs there changes no register, so ours wait in
 * their places; the stack pointer waits in memory.
 */
    .bss
    .balign 8
waiting_stack:
    .skip 8

    .text
/* bool smap_test_run(const struct iret_frame *enter, const void *idtr, uint16_t stack_segment) */
    .globl smap_test_run
smap_test_run:
    subq $24, %rsp
    sidt 8(%rsp)
    movq %rsp, waiting_stack(%rip)
    lidt (%rsi)
    pushq 32(%rdi)
    pushq 24(%rdi)
    pushq 16(%rdi)
    pushq 8(%rdi)
    pushq (%rdi)
    iretq

/* The gates of the test's IDT: ring 3 came where its IRET was to lead, or faulted on the way. */
    .globl smap_test_arrived
smap_test_arrived:
    movl $1, %eax
    jmp 1f
    .globl smap_test_faulted
smap_test_faulted:
    xorl %eax, %eax
1:  movq waiting_stack(%rip), %rsp
    movw %dx, %ss
    lidt 8(%rsp)
    addq $24, %rsp
    ret
    .section .note.GNU-stack, "", @progbits

/*
 * Switch: a task gives way inside a function call, so only what a callee must keep is saved.
 * task_switch_stacks(void **save, void *load)
 */
    .text
    .globl task_switch_stacks
task_switch_stacks:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .globl task_first_entry
task_first_entry:
    xor %ebp, %ebp
    call task_first_run
    ud2

    .section .note.GNU-stack, "", @progbits

/*
 * Start: the ELF notes by which the hypervisor's domain builder knows us, the first
 * instructions, and every way in from the hypervisor afterwards (events, exceptions,
 * failsafe).
 *
 * All entries run with the interrupted context's stack below their frame, so the whole kernel
 * is built without a red zone.  C called from here is built with general registers only: the
 * interrupted code's vector registers stay where they are.  The way back is always the iret
 * hypercall, which sets the event mask and the instruction pointer in one step; there is no
 * window in which a second event could pile a frame on ours without bound.
 */
#define NOTE(type, value)                                                                          \
    .pushsection .note.Xen, "a", @note;                                                            \
    .balign 4;                                                                                     \
    .long 4, 2f - 1f, type;                                                                        \
    .asciz "Xen";                                                                                  \
1:  value;                                                                                         \
2:  .balign 4;                                                                                     \
    .popsection

NOTE(6, .asciz "paravane")          /* guest OS */
NOTE(7, .asciz "1")                 /* its version */
NOTE(5, .asciz "xen-3.0")           /* the interface */
NOTE(3, .quad 0)                    /* VIRT_BASE: addresses are pseudo-physical ones */
NOTE(4, .quad 0)                    /* PADDR_OFFSET */
NOTE(1, .quad _start)               /* ENTRY */
NOTE(2, .quad hypercall_page)       /* HYPERCALL_PAGE */
NOTE(8, .asciz "generic")           /* loader */
NOTE(9, .asciz "yes")               /* PAE */
NOTE(10, .asciz "!writable_page_tables|pae_pgdir_above_4gb") /* features */
NOTE(17, .long 0x807)               /* supported: writable tables, descriptors; translated; dom0 */
NOTE(13, .quad 1; .quad 1)          /* an L1 entry is valid if (entry & 1) == 1 */
NOTE(16, .long 1)                   /* the initrd may be unmapped, named by frame */

    .text
    .globl _start
_start:
    cld
    mov $boot_stack_end, %rsp
    xor %ebp, %ebp
    mov %rsi, %rdi
    call kernel_start
    ud2

    .balign 4096
    .globl hypercall_page
hypercall_page:
    .skip 4096, 0xcc

/* Exceptions: make the frame uniform (vector, error code) and call C. */
    .macro trap vector, has_error
    .globl trap_\vector
trap_\vector:
    pop %rcx
    pop %r11
    .if !\has_error
    push $0
    .endif
    push $\vector
    jmp trap_common
    .endm

    .irp vector, 0, 1, 2, 3, 4, 5, 6, 7, 9, 15, 16, 18, 19, 20, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    trap \vector, 0
    .endr
    .irp vector, 8, 10, 11, 12, 13, 14, 17, 21
    trap \vector, 1
    .endr

    .macro save_registers
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    .endm

    .macro restore_registers
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    .endm

trap_common:
    save_registers
    cld
    mov %rsp, %rdi
    mov %rsp, %rbx
    and $-16, %rsp
    call trap_handle
    mov %rbx, %rsp
    restore_registers
    add $16, %rsp               /* vector, error code */
return_from_entry:
    pushq $0                    /* flags */
    push %rcx
    push %r11
    push %rax
    mov $23, %eax               /* iret */
    syscall
    ud2

    .globl event_entry
event_entry:
    pop %rcx
    pop %r11
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    cld
    mov %rsp, %rbx
    and $-16, %rsp
    call event_ports_upcall
    mov %rbx, %rsp
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    jmp return_from_entry

/* A segment or iret frame the hypervisor could not load: nothing here ever makes one. */
    .globl failsafe_entry
failsafe_entry:
    cld
    and $-16, %rsp
    call trap_failsafe
    ud2

    .bss
    .balign 4096
    .skip 131072
    .globl boot_stack_end
boot_stack_end:

    .section .note.GNU-stack, "", @progbits

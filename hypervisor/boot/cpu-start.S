/*
 * Where the other CPUs start: real mode, at the page the start-up message named.  This code is
 * copied there; all addresses in it are relative to cs until protected mode is on, and ebp is how far
 * the image lies from where it was linked for.
 */
#include "address-map.h"

#define PHYS(symbol) (symbol - IMAGE_VIRT)

    .section .rodata.trampoline, "a"
    .globl cpu_trampoline, cpu_trampoline_end
    .code16
cpu_trampoline:
    cli
    movw %cs, %ax
    movw %ax, %ds
    lgdtl trampoline_gdtr - cpu_trampoline
    movl trampoline_offset - cpu_trampoline, %ebp
    movl $0x11, %eax
    movl %eax, %cr0
    ljmpl *(trampoline_target - cpu_trampoline)
    .balign 8
    .short 0
trampoline_gdtr:
    .short 31
    /* Three places that whoever copies this moves by image_offset. */
    .globl cpu_trampoline_places
cpu_trampoline_places:
    .long PHYS(boot_gdt_copy)
trampoline_offset:
    .long 0
trampoline_target:
    .long PHYS(cpu_start32)
    .short 24
cpu_trampoline_end:

    .section .data.boot, "aw"
    .balign 8
boot_gdt_copy:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00cf9b000000ffff

    .section .text.start, "ax"
    .code32
cpu_start32:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %ss
    leal PHYS(cpu_start_stack_end)(%ebp), %esp
    call long_mode_on
    pushl $0xe008 /* BOOT_CS of start.S */
    leal PHYS(cpu_start64)(%ebp), %eax
    pushl %eax
    lretl
    .code64
cpu_start64:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movabsq $cpu_start_stack, %rax
    movq (%rax), %rsp
    movabsq $boot_cpu_main, %rax
    call *%rax
    ud2

    .section .bss.tables, "aw", @nobits
    .balign 16
    .skip 256
cpu_start_stack_end:
    /* Where the CPU being started finds its stack. */
    .globl cpu_start_stack
cpu_start_stack: .skip 8
    .section .note.GNU-stack, "", @progbits

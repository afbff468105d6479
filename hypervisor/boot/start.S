/*
 * From GRUB's hands (Multiboot2, 32-bit protected mode, paging off) to C: page tables for the
 * first 4 GiB in three places (where it is, the direct map, the image), long mode, a stack.
 * Multiboot2 specification 2.0, sections 3.1 (header) and 3.3 (machine state).
 */
#define MB2_MAGIC 0xe85250d6

#include "address-map.h"

#define PHYS(symbol) (symbol - IMAGE_VIRT)

/* As HYPERVISOR_CS will be (machine/descriptor-tables.h): exceptions have a handler from the first
 * line of C on. */
#define BOOT_CS     0xe008
#define BOOT_GDT_AT 0xe000

#define CPUID_NX      0x100000 /* in EDX of leaf 0x80000001 */
#define MISC_ENABLE   0x1a0    /* Intel's; bit 34: NX is switched off */
#define MISC_NO_NX_HI 4

    .section .multiboot, "a"
    .balign 8
header:
    .long MB2_MAGIC
    .long 0
    .long header_end - header
    .long 0x100000000 - (MB2_MAGIC + (header_end - header))
    /* the entry, by its physical address */
    .balign 8
    .short 3, 0
    .long 12
    .long PHYS(start)
    /* modules on page boundaries: the initial ramdisk's frames become the control domain's */
    .balign 8
    .short 6, 0
    .long 8
    /* a frame buffer of any size, where there is no text mode; flag 1: we start without, too */
    .balign 8
    .short 5, 1
    .long 20
    .long 0, 0, 0
    .balign 8
    .short 0, 0
    .long 8
header_end:

    .section .text.start, "ax"
    .code32
    .globl start
start:
    cli
    cld
    movl %eax, %esi                     /* magic */
    movl %ebx, %edi                     /* boot information */
    movl $PHYS(boot_stack_end), %esp

    /* 4 GiB in pages of 2 MiB */
    movl $PHYS(boot_l2), %ebx
    movl $0x83, %eax
    xorl %edx, %edx
    movl $2048, %ecx
1:  movl %eax, (%ebx)
    movl %edx, 4(%ebx)
    addl $0x200000, %eax
    addl $8, %ebx
    decl %ecx
    jnz 1b

    /* the same four tables for the identity, the direct map and the image */
    movl $PHYS(boot_l3), %ebx
    movl $(PHYS(boot_l2) + 3), %eax
    movl $4, %ecx
2:  movl %eax, (%ebx)
    addl $4096, %eax
    addl $8, %ebx
    decl %ecx
    jnz 2b
    movl $(PHYS(boot_l2) + 3), PHYS(boot_l3_image)

    movl $PHYS(boot_l4), %ebx
    movl $(PHYS(boot_l3) + 3), (%ebx)
    movl $(PHYS(boot_l3) + 3), (262 * 8)(%ebx)
    movl $(PHYS(boot_l3_image) + 3), (257 * 8)(%ebx)

    call long_mode_on
    ljmp $BOOT_CS, $PHYS(start64)

/* Turns paging on with boot_l4; keeps esi, edi. */
    .globl long_mode_on
long_mode_on:
    movl $0x20, %eax                    /* PAE */
    movl %eax, %cr4
    movl $PHYS(boot_l4), %eax
    movl %eax, %cr3
    pushl %ebx
    call nx_find
    popl %ebx
    movl $0x101, %eax                   /* EFER: LME, SCE; NXE only if it is there */
    testl $CPUID_NX, %edx
    jz 1f
    orl $0x800, %eax
1:  movl $0xc0000080, %ecx
    xorl %edx, %edx
    wrmsr
    movl $0x80010033, %eax              /* PG WP NE ET MP PE */
    movl %eax, %cr0
    lgdt PHYS(boot_gdtr)
    ret

/* EDX of leaf 0x80000001; Intel's firmware may have switched NX off, which can be undone. */
nx_find:
    movl $0x80000001, %eax
    cpuid
    testl $CPUID_NX, %edx
    jnz 1f
    xorl %eax, %eax
    cpuid
    xorl %edx, %edx
    cmpl $0x756e6547, %ebx              /* "Genu" */
    jne 1f
    movl $MISC_ENABLE, %ecx
    rdmsr
    andl $~MISC_NO_NX_HI, %edx
    wrmsr
    movl $0x80000001, %eax
    cpuid
1:  ret

    .code64
start64:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movabsq $boot_stack_end, %rsp
    movl %esi, %ecx
    movl %edi, %esi
    movl %ecx, %edi
    movabsq $boot_main, %rax
    call *%rax
    ud2

    .section .data.boot, "aw"
    .balign 8
    .globl boot_gdtr
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff            /* BOOT_CS: code, 64 bits */
boot_gdtr:
    .short BOOT_GDT_AT + 15
    .quad PHYS(boot_gdt) - BOOT_GDT_AT

    .section .bss.tables, "aw", @nobits
    .balign 4096
    .globl boot_l4
boot_l4:       .skip 4096
boot_l3:       .skip 4096
boot_l3_image: .skip 4096
boot_l2:       .skip 4 * 4096
    /* The boot CPU's stack; the end looks like a CPU's stack block, so that this_cpu() works. */
    .globl boot_stack_block, boot_stack_end
    .balign 32768
boot_stack_block: .skip 32768 - 1024
boot_stack_end:   .skip 1024
    .section .note.GNU-stack, "", @progbits

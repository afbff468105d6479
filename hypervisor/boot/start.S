/*
 * From GRUB's hands (Multiboot2, 32-bit protected mode, paging off) to C: page tables for the
 * first 4 GiB in two places (where it is, the direct map), one for the image, long mode, a stack.
 * Multiboot2 specification 2.0, sections 3.1 (header) and 3.3 (machine state).
 *
 * The image may lie elsewhere than it was linked for, as its header allows.  How far is in ebp
 * throughout the 32-bit code; from long mode on nothing depends on it but image_offset.
 */
#define MB2_MAGIC 0xe85250d6

#include "address-map.h"

/* As linked; where the image lies it is that much further up. */
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
    /* anywhere below 4 GiB in steps of 2 MiB, low rather than high: not all firmware leaves what
       we were linked for */
    .balign 8
    .short 10, 0
    .long 24
    .long IMAGE_PHYS, 0xffffffff, IMAGE_ALIGN, 1
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
    leal 8(%ebx), %esp                  /* its second word is free, the first is read later */
    movl 4(%ebx), %edx
    call 1f
1:  popl %ebp
    movl %edx, 4(%ebx)
    subl $PHYS(1b), %ebp
    leal PHYS(boot_stack_end)(%ebp), %esp
    movl %ebp, PHYS(image_offset)(%ebp)

    /* 4 GiB in pages of 2 MiB */
    leal PHYS(boot_l2)(%ebp), %ebx
    movl $0x83, %eax
    movl $2048, %ecx
    call fill_large
    /* the image's first GiB, which it may share with what lies behind */
    leal PHYS(boot_l2_image)(%ebp), %ebx
    leal 0x83(%ebp), %eax
    movl $512, %ecx
    call fill_large

    /* the same four tables for the identity and the direct map */
    leal PHYS(boot_l3)(%ebp), %ebx
    leal (PHYS(boot_l2) + 3)(%ebp), %eax
    movl $4, %ecx
2:  movl %eax, (%ebx)
    addl $4096, %eax
    addl $8, %ebx
    decl %ecx
    jnz 2b
    leal (PHYS(boot_l2_image) + 3)(%ebp), %eax
    movl %eax, PHYS(boot_l3_image)(%ebp)

    leal PHYS(boot_l4)(%ebp), %ebx
    leal (PHYS(boot_l3) + 3)(%ebp), %eax
    movl %eax, (%ebx)
    movl %eax, (262 * 8)(%ebx)
    leal (PHYS(boot_l3_image) + 3)(%ebp), %eax
    movl %eax, (257 * 8)(%ebx)
    leal PHYS(boot_gdt)(%ebp), %eax
    subl $BOOT_GDT_AT, %eax
    movl %eax, (PHYS(boot_gdtr) + 2)(%ebp)

    call long_mode_on
    pushl $BOOT_CS
    leal PHYS(start64)(%ebp), %eax
    pushl %eax
    lretl

/* ecx entries of pages of 2 MiB from ebx on, the first of which is eax and below 4 GiB. */
fill_large:
    xorl %edx, %edx
1:  movl %eax, (%ebx)
    movl %edx, 4(%ebx)
    addl $0x200000, %eax
    adcl $0, %edx
    addl $8, %ebx
    decl %ecx
    jnz 1b
    ret

/* Turns paging on with boot_l4; keeps esi, edi, and ebp: how far the image lies from where it was
 * linked for. */
    .globl long_mode_on
long_mode_on:
    movl $0x20, %eax                    /* PAE */
    movl %eax, %cr4
    leal PHYS(boot_l4)(%ebp), %eax
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
    lgdt PHYS(boot_gdtr)(%ebp)
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
    .quad 0
    .balign 8
    /* What to add to an address of the image, less IMAGE_VIRT, for where it is in the machine. */
    .globl image_offset
image_offset:
    .quad 0

    .section .bss.tables, "aw", @nobits
    .balign 4096
    .globl boot_l4
boot_l4:       .skip 4096
boot_l3:       .skip 4096
boot_l3_image: .skip 4096
boot_l2:       .skip 4 * 4096
boot_l2_image: .skip 4096
    /* The boot CPU's stack; the end looks like a CPU's stack block, so that this_cpu() works. */
    .globl boot_stack_block, boot_stack_end
    .balign 32768
boot_stack_block: .skip 32768 - 1024
boot_stack_end:   .skip 1024
    .section .note.GNU-stack, "", @progbits

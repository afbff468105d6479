/* The image: loaded at IMAGE_PHYS, running at IMAGE_VIRT + IMAGE_PHYS. */
#include "address-map.h"

OUTPUT_FORMAT("elf64-x86-64")
ENTRY(start)
PHDRS
{
    text PT_LOAD FLAGS(5);
    rodata PT_LOAD FLAGS(4);
    data PT_LOAD FLAGS(6);
    stack PT_GNU_STACK FLAGS(6);
}
SECTIONS
{
    . = IMAGE_VIRT + IMAGE_PHYS;
    image_start = .;
    text_start = .;
    .text : AT(ADDR(.text) - IMAGE_VIRT) {
        KEEP(*(.multiboot))
        *(.text.start)
        *(.text .text.*)
    } :text
    . = ALIGN(4096);
    text_end = .;
    .rodata : AT(ADDR(.rodata) - IMAGE_VIRT) {
        *(.rodata .rodata.*)
        . = ALIGN(8);
        exception_table_start = .;
        KEEP(*(.ex_table))
        exception_table_end = .;
        KEEP(*(.symbols))
    } :rodata
    . = ALIGN(4096);
    rodata_end = .;
    .data : AT(ADDR(.data) - IMAGE_VIRT) {
        *(.data .data.*)
        *(.got .got.*)
    } :data
    .bss : AT(ADDR(.bss) - IMAGE_VIRT) {
        *(.bss .bss.*)
        *(COMMON)
        . = ALIGN(4096);
    } :data
    image_end = .;
    /DISCARD/ : { *(.comment) *(.note*) *(.eh_frame*) }
}

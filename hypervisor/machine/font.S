/* The font of the frame buffer console: Debian's console-setup-linux has it, build.mk fetches it. */
    .section .rodata.font, "a"
    .globl font_file
    .hidden font_file
font_file:
    .incbin FONT_FILE
    .section .note.GNU-stack, "", @progbits

/* What can show characters: VGA's text memory, or a frame buffer and a font. */
#ifndef MACHINE_DISPLAY_H
#define MACHINE_DISPLAY_H

#include "lib/types.h"

struct display {
    unsigned columns, rows;
    void (*draw)(unsigned column, unsigned row, uint8_t character, bool inverse);
};

/* A linear frame buffer, as Multiboot2 describes one (specification 2.0, section 3.6.12). */
struct framebuffer {
    uint64_t address; /* physical */
    uint32_t pitch;   /* bytes from one line of pixels to the next */
    uint32_t width, height;
    uint8_t bits_per_pixel; /* 15, 16, 24 or 32 */
    struct {
        uint8_t position, bits;
    } colour[3]; /* red, green, blue within a pixel */
};

/* 80 x 25 characters in the memory of a VGA adapter in text mode. */
const struct display *vga_text_display(volatile uint16_t *cells);
/* pixels: where f's memory is mapped.  NULL if the format is none we can draw in. */
const struct display *framebuffer_display(const struct framebuffer *f, volatile uint8_t *pixels);

#endif

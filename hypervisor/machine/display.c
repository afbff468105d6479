/*
 * Drawing one character.  Video memory is only written: reading it back is slow on real machines.
 */
#include "machine/display.h"

#define GLYPH_WIDTH 8
/* Screens wider than this get characters twice as large, and so on. */
#define COMFORTABLE_WIDTH 1920U
#define BRIGHTNESS        0xb0 /* of 255: light grey, as VGA's */

/* font.S: a PSF1 file: magic (2 bytes), mode, bytes per glyph, glyphs of 8 pixels a byte. */
extern const uint8_t font_file[];
#define FONT_HEADER 4

static struct display display;
static volatile uint16_t *text_cells;
static volatile uint8_t *frame;
static unsigned pitch, pixel_bytes, scale;
static uint32_t ink;

static void draw_text(unsigned column, unsigned row, uint8_t character, bool inverse)
{
    text_cells[row * display.columns + column] =
        (uint16_t)((inverse ? 0x7000 : 0x0700) | character);
}

const struct display *vga_text_display(volatile uint16_t *cells)
{
    text_cells = cells;
    display = (struct display){ 80, 25, draw_text };
    return &display;
}

static unsigned glyph_height(void)
{
    return font_file[3];
}

static void put_pixel(volatile uint8_t *at, uint32_t value)
{
    if (pixel_bytes == 4)
        *(volatile uint32_t *)at = value;
    else
        for (unsigned i = 0; i < pixel_bytes; i++)
            at[i] = (uint8_t)(value >> (8 * i));
}

static void draw_line(volatile uint8_t *at, unsigned bits)
{
    for (unsigned mask = 1U << (GLYPH_WIDTH - 1); mask; mask >>= 1) {
        uint32_t value = bits & mask ? ink : 0;

        for (unsigned i = 0; i < scale; i++, at += pixel_bytes)
            put_pixel(at, value);
    }
}

static void draw_glyph(unsigned column, unsigned row, uint8_t character, bool inverse)
{
    const uint8_t *glyph = font_file + FONT_HEADER + character * glyph_height();
    unsigned left = column * GLYPH_WIDTH * scale, top = row * glyph_height() * scale;
    volatile uint8_t *line = frame + (size_t)top * pitch + left * pixel_bytes;

    for (unsigned y = 0; y < glyph_height(); y++)
        for (unsigned i = 0; i < scale; i++, line += pitch)
            draw_line(line, glyph[y] ^ (inverse ? 0xffU : 0));
}

static uint32_t light_grey(const struct framebuffer *f)
{
    uint32_t pixel = 0;

    for (unsigned i = 0; i < 3; i++)
        if (f->colour[i].bits && f->colour[i].bits <= 8 && f->colour[i].position < 32)
            pixel |= (uint32_t)(BRIGHTNESS >> (8 - f->colour[i].bits)) << f->colour[i].position;
    return pixel;
}

const struct display *framebuffer_display(const struct framebuffer *f, volatile uint8_t *pixels)
{
    pixel_bytes = (f->bits_per_pixel + 7U) / 8;
    if (pixel_bytes < 2 || pixel_bytes > 4 || f->pitch / pixel_bytes < f->width)
        return NULL;
    frame = pixels;
    pitch = f->pitch;
    scale = max(f->width / COMFORTABLE_WIDTH, 1U);
    ink = light_grey(f);
    display = (struct display){ f->width / (GLYPH_WIDTH * scale),
                                f->height / (glyph_height() * scale), draw_glyph };
    return &display;
}

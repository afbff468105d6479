/*
 * A console of characters on the boot screen.  It keeps no copy of the text: at the bottom it
 * starts again at the top, so that it never reads slow video memory.
 */
#include "machine/screen.h"

static volatile uint16_t *cells;
static unsigned columns, rows, at_column, at_row;

void screen_init(volatile uint16_t *memory, unsigned wide, unsigned high)
{
    cells = memory;
    columns = wide;
    rows = high;
}

static void draw(unsigned column, unsigned row, char c)
{
    cells[row * columns + column] = (uint16_t)(0x0700 | (uint8_t)c);
}

static void next_row(void)
{
    at_column = 0;
    at_row = (at_row + 1) % rows;
    for (unsigned c = 0; c < columns; c++)
        draw(c, at_row, ' ');
}

void screen_write(const char *text, size_t n)
{
    if (!columns)
        return;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n' || at_column == columns)
            next_row();
        if ((uint8_t)text[i] >= ' ')
            draw(at_column++, at_row, text[i]);
    }
}

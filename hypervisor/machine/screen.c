/*
 * Text is kept here twice: as it should be and as it is shown.  After each write the difference is
 * drawn, so that lines that scroll by within one write cost nothing, and blank ones never do.
 */
#include "machine/screen.h"
#include "lib/string.h"

#define MAX_COLUMNS 256
#define MAX_ROWS    128
#define INVERSE     0x80 /* in a cell, with its character in the other seven bits */
#define TAB         8
#define ESCAPE      0x1b

static const struct display *display;
static unsigned columns, rows, column, row;
static uint8_t wanted[MAX_ROWS][MAX_COLUMNS], shown[MAX_ROWS][MAX_COLUMNS];
/* Rows from here (inclusive) to there (exclusive) may differ. */
static unsigned changed_from, changed_to;

static enum { PLAIN, ESCAPED, IN_SEQUENCE } state;
static unsigned parameter[2], parameters;

static void changed(unsigned from, unsigned to)
{
    changed_from = min(changed_from, from);
    changed_to = max(changed_to, to);
}

static void blank(unsigned r, unsigned from, unsigned to)
{
    for (unsigned c = from; c < to; c++)
        wanted[r][c] = ' ';
    changed(r, r + 1);
}

void screen_init(const struct display *d)
{
    display = d;
    columns = min(d->columns, (unsigned)MAX_COLUMNS);
    rows = min(d->rows, (unsigned)MAX_ROWS);
    for (unsigned r = 0; r < rows; r++)
        blank(r, 0, columns);
}

/* At the bottom a quarter of the screen goes at once: drawing all of it for every line is slow. */
static void scroll(void)
{
    unsigned gone = max(rows / 4, 1U);

    row = rows - gone;
    for (unsigned r = 0; r < row; r++)
        memcpy(wanted[r], wanted[r + gone], columns);
    for (unsigned r = row; r < rows; r++)
        blank(r, 0, columns);
    changed(0, rows);
}

static void next_row(void)
{
    column = 0;
    if (++row == rows)
        scroll();
}

static void put(uint8_t c)
{
    if (column == columns)
        next_row();
    wanted[row][column++] = c;
    changed(row, row + 1);
}

static void control(uint8_t c)
{
    switch (c) {
    case '\n':
        next_row();
        break;
    case '\r':
        column = 0;
        break;
    case '\b':
        column -= column != 0;
        break;
    case '\t':
        for (column = min(column, columns - 1); ++column < columns && column % TAB;)
            ;
        break;
    case ESCAPE:
        state = ESCAPED;
        break;
    }
}

static void erase_in_line(unsigned what)
{
    blank(row, what ? 0 : min(column, columns), what == 1 ? min(column + 1, columns) : columns);
}

static void erase_in_display(unsigned what)
{
    erase_in_line(what);
    for (unsigned r = 0; what && r < row; r++)
        blank(r, 0, columns);
    for (unsigned r = row + 1; what != 1 && r < rows; r++)
        blank(r, 0, columns);
}

/* Parameters count from one, and none means one. */
static void move_to(unsigned to_row, unsigned to_column)
{
    row = min(to_row ? to_row - 1 : 0, rows - 1);
    column = min(to_column ? to_column - 1 : 0, columns - 1);
}

static void end_sequence(uint8_t final)
{
    unsigned n = max(parameter[0], 1U);

    switch (final) {
    case 'A':
        row -= min(n, row);
        break;
    case 'B':
        row = min(row + n, rows - 1);
        break;
    case 'C':
        column = min(column + n, columns - 1);
        break;
    case 'D':
        column -= min(n, column);
        break;
    case 'G':
        move_to(row + 1, parameter[0]);
        break;
    case 'H':
        move_to(parameter[0], parameter[1]);
        break;
    case 'J':
        erase_in_display(parameter[0]);
        break;
    case 'K':
        erase_in_line(parameter[0]);
        break;
    }
}

/* ECMA-48, section 5.4: parameters are digits with ';' between, the final byte is 0x40 to 0x7e. */
static void sequence(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        if (parameters < ARRAY_SIZE(parameter) && parameter[parameters] < 1000)
            parameter[parameters] = parameter[parameters] * 10 + (c - '0');
    } else if (c == ';') {
        parameters++;
    } else if (c < ' ' || c >= '@') {
        state = PLAIN;
        if (c < ' ')
            control(c);
        else
            end_sequence(c);
    }
}

static void take(uint8_t c)
{
    if (state == IN_SEQUENCE) {
        sequence(c);
    } else if (state == ESCAPED) {
        state = c == '[' ? IN_SEQUENCE : PLAIN;
        parameters = parameter[0] = parameter[1] = 0;
    } else if (c < ' ') {
        control(c);
    } else if (c < 0x7f) {
        put(c);
    } else if (c >= 0xc0) {
        put('?'); /* the first byte of a character in UTF-8; the others show nothing */
    }
}

static void refresh(void)
{
    for (unsigned r = changed_from; r < changed_to; r++)
        for (unsigned c = 0; c < columns; c++)
            if (shown[r][c] != wanted[r][c]) {
                shown[r][c] = wanted[r][c];
                display->draw(c, r, shown[r][c] & ~INVERSE, shown[r][c] & INVERSE);
            }
    changed_from = rows;
    changed_to = 0;
}

/* The cursor is a cell in inverse video; behind the last column it stays on it. */
static void cursor(bool visible)
{
    uint8_t *cell = &wanted[row][min(column, columns - 1)];

    *cell = visible ? *cell | INVERSE : *cell & ~INVERSE;
    changed(row, row + 1);
}

void screen_write(const char *text, size_t n)
{
    if (!columns || !rows)
        return;
    cursor(false);
    for (size_t i = 0; i < n; i++)
        take((uint8_t)text[i]);
    cursor(true);
    refresh();
}

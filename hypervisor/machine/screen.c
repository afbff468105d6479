/*
 * Text is kept here twice: as it should be and as it is shown.  What is drawn is the difference,
 * so that lines that scroll by between two looks cost nothing, and blank ones never do.
 *
 *        lines, a ring:   ... gone ... | kept (older) | the screen's rows | gone ...
 *                                                     ^ top
 *
 * Lines that leave the screen stay where they are until the ring comes round: who looks back sees
 * rows that begin so many lines before top.  It is one number, which only who looks back sets and
 * any writer clears; whatever it is, up to what is kept, there are lines to show.
 *
 * Writers hold the log's lock and are quick; they mark the rows they change.  Whoever draws (one
 * at a time, without that lock) takes a row's mark away before it looks at the row: what changes
 * meanwhile is marked again.
 */
#include "machine/screen.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "limits.h"

#define MAX_COLUMNS 256
#define MAX_ROWS    128
#define INVERSE     0x80 /* in a cell, with its character in the other seven bits */
#define TAB         8
#define ESCAPE      0x1b

_Static_assert(2 * MAX_COLUMNS * MAX_ROWS <= SCREEN_TEXT_BYTES, "room for what went by");

static const struct display *display;
static unsigned columns, rows, column, row;
static uint8_t ring[SCREEN_TEXT_BYTES], shown[MAX_ROWS][MAX_COLUMNS];
static unsigned lines; /* that the ring has room for */
static unsigned top, kept;
static uint8_t *cells;         /* of the row that is written in */
static unsigned back;          /* lines between what is looked at and the end */
static bool changed[MAX_ROWS]; /* rows that may differ */
static bool drawing;
static void (*remind)(void); /* NULL: what is written is drawn at once */

static enum { PLAIN, ESCAPED, IN_SEQUENCE } state;
static unsigned parameter[2], parameters;

/* The line n lines behind the screen's first one; n is less than lines. */
static uint8_t *line(unsigned n)
{
    unsigned at = read_once(top) + n;

    return &ring[(size_t)(at < lines ? at : at - lines) * columns];
}

static void set_row(unsigned r)
{
    row = r;
    cells = line(r);
}

static void blank(unsigned r, unsigned from, unsigned to)
{
    memset(line(r) + from, ' ', to - from);
    atomic_store(&changed[r], true);
}

void screen_init(const struct display *d)
{
    display = d;
    columns = min(d->columns, (unsigned)MAX_COLUMNS);
    rows = min(d->rows, (unsigned)MAX_ROWS);
    lines = columns ? SCREEN_TEXT_BYTES / columns : 0;
    top = kept = back = 0;
    for (unsigned r = 0; r < rows; r++)
        blank(r, 0, columns);
    set_row(row);
}

static void mark_all(void)
{
    for (unsigned r = 0; r < rows; r++)
        atomic_store(&changed[r], true);
}

/* At the bottom a quarter of the screen goes at once: drawing all of it for every line is slow. */
static void scroll(void)
{
    unsigned gone = max(rows / 4, 1U);

    for (unsigned r = rows; r < rows + gone; r++)
        memset(line(r), ' ', columns);
    write_once(top, top + gone < lines ? top + gone : top + gone - lines);
    write_once(kept, min(kept + gone, lines - rows));
    set_row(rows - gone);
    mark_all();
}

static void next_row(void)
{
    column = 0;
    if (row + 1 == rows)
        scroll();
    else
        set_row(row + 1);
}

static void put(uint8_t c)
{
    if (column == columns)
        next_row();
    cells[column++] = c;
    atomic_store(&changed[row], true);
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
    set_row(min(to_row ? to_row - 1 : 0, rows - 1));
    column = min(to_column ? to_column - 1 : 0, columns - 1);
}

static void end_sequence(uint8_t final)
{
    unsigned n = max(parameter[0], 1U);

    switch (final) {
    case 'A':
        set_row(row - min(n, row));
        break;
    case 'B':
        set_row(min(row + n, rows - 1));
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

/* Whether it came to the row's end; at least one character is drawn. */
static bool draw_row(unsigned r, bool (*enough)(void))
{
    unsigned before = read_once(back);
    const uint8_t *text = line(r >= before ? r - before : lines + r - before);

    for (unsigned c = 0; c < columns; c++) {
        uint8_t cell = read_once(text[c]);

        if (shown[r][c] == cell)
            continue;
        shown[r][c] = cell;
        display->draw(c, r, cell & ~INVERSE, cell & INVERSE);
        if (enough && enough())
            return false;
    }
    return true;
}

static bool rows_changed(void)
{
    for (unsigned r = 0; r < rows; r++)
        if (atomic_load(&changed[r]))
            return true;
    return false;
}

bool screen_draw(bool (*enough)(void))
{
    bool stopped = false;

    if (atomic_exchange(&drawing, true))
        return false; /* whoever draws looks again before it goes */
    for (unsigned r = 0; r < rows && !stopped; r++)
        if (atomic_exchange(&changed[r], false) && !draw_row(r, enough)) {
            atomic_store(&changed[r], true);
            stopped = true;
        }
    atomic_store(&drawing, false);
    memory_barrier(); /* or a mark set meanwhile could be missed by both of us */
    return rows_changed();
}

void screen_draw_later(void (*reminder)(void))
{
    remind = reminder;
}

/* To the end, or away from it; the marks come behind the number, or it would be drawn as before. */
static void look_back(unsigned n)
{
    if (read_once(back) == n)
        return;
    write_once(back, n);
    mark_all();
}

static void redraw(void)
{
    if (remind)
        remind();
    else
        screen_draw(NULL);
}

void screen_draw_at_once(void)
{
    remind = NULL;
    drawing = false;
    look_back(0);
    screen_draw(NULL);
}

int screen_scroll(int half_screens, unsigned *lines_back)
{
    int64_t half = max(rows / 2, 1U), n = read_once(back) + half_screens * half;

    if (!columns || !rows)
        return -ENODEV;
    n = max(n, (int64_t)0);
    n = min(n, (int64_t)read_once(kept));
    look_back((unsigned)n);
    redraw();
    *lines_back = (unsigned)n;
    return 0;
}

/* The cursor is a cell in inverse video; behind the last column it stays on it. */
static void cursor(bool visible)
{
    uint8_t *cell = &cells[min(column, columns - 1)];

    *cell = visible ? *cell | INVERSE : *cell & ~INVERSE;
    atomic_store(&changed[row], true);
}

void screen_write(const char *text, size_t n)
{
    if (!columns || !rows)
        return;
    look_back(0);
    cursor(false);
    for (size_t i = 0; i < n; i++)
        take((uint8_t)text[i]);
    cursor(true);
    redraw();
}

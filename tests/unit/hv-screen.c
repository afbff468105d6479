/*
 * The console on the screen: where characters come to stand, control sequences, scrolling, looking
 * back, bad input; and both ways of drawing, text cells and pixels of each size.
 *
 * Sources: hypervisor/machine/screen.c hypervisor/machine/display.c
 *
 * Flags: -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "lib/errno.h"
#include "limits.h"
#include "machine/screen.h"

enum { COLUMNS = 10, ROWS = 4 };

/* PSF1: glyph c of 2 lines of pixels, c and its complement. */
#define GLYPHS 256
uint8_t font_file[4 + 2 * GLYPHS] = { 0x36, 0x04, 0, 2 };

static char cells[ROWS][COLUMNS + 1];
static unsigned cursor_column, cursor_row, drawn;

static void draw(unsigned column, unsigned row, uint8_t character, bool inverse)
{
    assert_true(column < COLUMNS && row < ROWS);
    cells[row][column] = (char)character;
    if (inverse) {
        cursor_column = column;
        cursor_row = row;
    }
    drawn++;
}

static const struct display display = { COLUMNS, ROWS, draw };

static void say(const char *text)
{
    screen_write(text, strlen(text));
}

static int fresh(void **state)
{
    (void)state;
    screen_init(&display);
    say("\033[H\033[2J");
    return 0;
}

static void line_is(unsigned row, const char *text)
{
    char padded[COLUMNS + 1];

    snprintf(padded, sizeof(padded), "%-*s", COLUMNS, text);
    assert_string_equal(cells[row], padded);
}

static void test_lines(void **state)
{
    (void)state;
    say("one\r\ntwo\n\tT\bt");
    line_is(0, "one");
    line_is(1, "two");
    line_is(2, "        t");
    assert_int_equal(cursor_row, 2);
    assert_int_equal(cursor_column, 9);
    say("yz"); /* the last column is used, then the next row */
    line_is(2, "        ty");
    line_is(3, "z");
}

static void test_scrolling(void **state)
{
    (void)state;
    say("a\nb\nc\nd\ne");
    line_is(0, "b");
    line_is(3, "e");
    drawn = 0;
    say("\n\n\n\n\n\n\n\n\n");
    for (unsigned r = 0; r < ROWS; r++)
        line_is(r, "");
    assert_true(drawn <= 6); /* four letters went, the cursor moved */
}

static void test_line_editor(void **state)
{
    (void)state;
    /* As dom0's shell draws a line: back to the start, all of it, the rest erased, the cursor. */
    say("dom0# ad\r\033[K");
    line_is(0, "");
    say("dom0# abd\033[K\033[1D");
    assert_int_equal(cursor_column, 8);
    say("\rdom0# abcd\033[K\033[1D");
    line_is(0, "dom0# abcd");
    say("\033[1;3HX\033[4GY\033[2;1HZ\033[A\033[2CW");
    line_is(0, "doXW# abcd");
    line_is(1, "Z");
    say("\033[1K");
    line_is(0, "      abcd");
}

static void test_erasing(void **state)
{
    (void)state;
    say("aaaa\nbbbb\ncccc\ndddd\033[2;3H\033[J");
    line_is(0, "aaaa");
    line_is(1, "bb");
    line_is(2, "");
    line_is(3, "");
    say("\033[3;2Hxyz\033[2D\033[1J");
    line_is(0, "");
    line_is(2, "   z");
}

/* No sequence leaves the screen or comes to rest in the middle of one. */
static void test_wild_sequences(void **state)
{
    (void)state;
    say("\033[999999999999;999999999999H\033[99A\033[99B\033[99C\033[99D\033[1;2;3;4;5;6m");
    say("\033[0;0H\033[?25l\033[>c\033(B\033\033[K\x7f\x80\xff\xc3\xa4=\033[1");
    say("\nq\033[31mr\033[0m");
    assert_int_equal(cells[cursor_row][0], 'q');
    assert_int_equal(cells[cursor_row][1], 'r');
    assert_int_equal(cursor_column, 2);
    srand(1);
    for (unsigned i = 0; i < 200000; i++) {
        static const char likely[] = "\033[[;0123459ABCDGHJKm\n\r\b\tx";
        char c = rand() % 4 ? likely[rand() % (sizeof(likely) - 1)] : (char)rand();

        screen_write(&c, 1);
    }
}

static unsigned reminders;

static void reminder(void)
{
    reminders++;
}

static bool at_every_character(void)
{
    return true;
}

/* Drawn apart from writing, a character at a time; what is written meanwhile is not lost. */
static void test_drawing_later(void **state)
{
    unsigned pieces = 0;

    (void)state;
    screen_draw_later(reminder);
    drawn = reminders = 0;
    say("one\n");
    say("two");
    assert_int_equal(drawn, 0);
    assert_int_equal(reminders, 2);
    while (screen_draw(at_every_character)) {
        assert_int_equal(drawn, ++pieces);
        if (pieces == 5)
            say("\033[1;1Honly\033[K\033[2;1H");
        assert_true(pieces < 40);
    }
    line_is(0, "only");
    line_is(1, "two");
    assert_int_equal(cursor_row, 1);
    assert_int_equal(cursor_column, 0);
    assert_false(screen_draw(NULL));

    say("now");
    screen_draw_at_once();
    line_is(1, "now");
    say("!");
    line_is(1, "now!");
}

static unsigned go(int half_screens)
{
    unsigned back = 1000000;

    assert_int_equal(screen_scroll(half_screens, &back), 0);
    return back;
}

/* Lines 0 to n - 1 with their numbers, and the cursor behind them. */
static void count_to(unsigned n)
{
    char text[16];

    for (unsigned i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "%s%u", i ? "\n" : "", i);
        say(text);
    }
}

static void numbers_from(unsigned first)
{
    char text[16];

    for (unsigned r = 0; r < ROWS; r++) {
        snprintf(text, sizeof(text), "%u", first + r);
        line_is(r, text);
    }
}

static void test_what_went_by(void **state)
{
    (void)state;
    assert_int_equal(go(1), 0); /* nothing has */
    count_to(10);
    numbers_from(6);
    assert_int_equal(go(1), 2);
    numbers_from(4);
    assert_int_equal(go(1), 4);
    numbers_from(2);
    assert_int_equal(go(1), 6);
    assert_int_equal(go(1), 6); /* that is all */
    numbers_from(0);
    assert_int_equal(go(-2), 2);
    numbers_from(4);
    assert_int_equal(go(-2), 0);
    numbers_from(6);
    assert_int_equal(go(INT32_MAX), 6);
    numbers_from(0);
    assert_int_equal(go(INT32_MIN), 0);
    numbers_from(6);
    assert_int_equal(cursor_row, 3);
    assert_int_equal(cursor_column, 1);
}

/* Whatever is written shows the end, and so does a machine that stops. */
static void test_writing_shows_the_end(void **state)
{
    (void)state;
    count_to(10);
    go(2);
    say("");
    numbers_from(6);
    go(2);
    say("\n10");
    numbers_from(7);
    assert_int_equal(go(INT32_MAX), 7);
    numbers_from(0);
    screen_draw_at_once();
    numbers_from(7);
    say("\033[H\033[2J"); /* what is erased has not gone by */
    assert_int_equal(go(INT32_MAX), 7);
    numbers_from(0);
}

/* The ring has come round many times; what is kept is neither more nor less than it holds. */
static void test_what_is_kept(void **state)
{
    enum { LINES = SCREEN_TEXT_BYTES / COLUMNS, MANY = 5 * LINES + 3 };
    unsigned back;

    (void)state;
    count_to(LINES);
    assert_int_equal(go(INT32_MAX), LINES - ROWS);
    numbers_from(0);
    say("\n");
    fresh(NULL);
    count_to(MANY);
    back = go(INT32_MAX);
    assert_int_equal(back, LINES - ROWS);
    numbers_from(MANY - LINES);
    while ((back = go(-1)))
        numbers_from(MANY - ROWS - back);
    numbers_from(MANY - ROWS);
}

/* Looking back is drawn when somebody draws, and a write in the middle of it is not lost. */
static void test_looking_back_later(void **state)
{
    unsigned pieces = 0;

    (void)state;
    count_to(10);
    screen_draw_later(reminder);
    reminders = 0;
    assert_int_equal(go(2), 4);
    assert_int_equal(reminders, 1);
    numbers_from(6);
    while (screen_draw(NULL))
        ;
    numbers_from(2);
    go(1);
    while (screen_draw(at_every_character))
        if (++pieces == 2)
            say("\n10");
    numbers_from(7);
    screen_draw_at_once();
}

static void test_no_screen(void **state)
{
    static const struct display nothing = { 0, 0, draw };
    unsigned back = 5;

    (void)state;
    screen_init(&nothing);
    assert_int_equal(screen_scroll(1, &back), -ENODEV);
    assert_int_equal(back, 5);
    say("nobody sees this");
}

static void test_text_memory(void **state)
{
    static uint16_t memory[80 * 25];
    const struct display *d = vga_text_display(memory);

    (void)state;
    assert_int_equal(d->columns, 80);
    assert_int_equal(d->rows, 25);
    d->draw(79, 24, 'Q', false);
    d->draw(0, 1, 'R', true);
    assert_int_equal(memory[80 * 25 - 1], 0x0700 | 'Q');
    assert_int_equal(memory[80], 0x7000 | 'R');
}

static struct framebuffer format(uint8_t bits, unsigned width, unsigned height, unsigned pitch)
{
    struct framebuffer f = { 0, pitch, width, height, bits, { { 16, 8 }, { 8, 8 }, { 0, 8 } } };

    if (bits == 16) {
        f.colour[0].position = 11;
        f.colour[1].position = 5;
        f.colour[0].bits = f.colour[2].bits = 5;
        f.colour[1].bits = 6;
    }
    return f;
}

static uint32_t pixel(const uint8_t *at, unsigned bytes)
{
    uint32_t value = 0;

    memcpy(&value, at, bytes);
    return value;
}

static void check_pixels(uint8_t bits, uint32_t ink)
{
    enum { WIDTH = 27, HEIGHT = 7 };
    unsigned bytes = (bits + 7U) / 8, pitch = WIDTH * bytes + 8;
    uint8_t *memory = calloc(HEIGHT, pitch);
    struct framebuffer f = format(bits, WIDTH, HEIGHT, pitch);
    const struct display *d = framebuffer_display(&f, memory);

    assert_non_null(d);
    assert_int_equal(d->columns, 3);
    assert_int_equal(d->rows, 3);
    d->draw(2, 1, 0xa5, false);
    for (unsigned x = 0; x < 8; x++) {
        uint32_t set = 0xa5 >> (7 - x) & 1 ? ink : 0;
        const uint8_t *at = memory + 2 * pitch + (16 + x) * bytes;

        assert_int_equal(pixel(at, bytes), set);
        assert_int_equal(pixel(at + pitch, bytes), set ^ ink);
    }
    assert_int_equal(pixel(memory + 2 * pitch + 24 * bytes, bytes), 0);
    d->draw(2, 1, 0xa5, true);
    assert_int_equal(pixel(memory + 2 * pitch + 16 * bytes, bytes), 0);
    free(memory);
}

static void test_pixels(void **state)
{
    (void)state;
    for (unsigned c = 0; c < GLYPHS; c++) {
        font_file[4 + 2 * c] = (uint8_t)c;
        font_file[5 + 2 * c] = (uint8_t)~c;
    }
    check_pixels(32, 0xb0b0b0);
    check_pixels(24, 0xb0b0b0);
    check_pixels(16, 22U << 11 | 44U << 5 | 22U);
}

static void test_unusable_formats(void **state)
{
    struct framebuffer narrow = format(32, 100, 10, 399), palette = format(8, 100, 10, 100),
                       wide = format(64, 100, 10, 800);

    (void)state;
    assert_null(framebuffer_display(&narrow, NULL));
    assert_null(framebuffer_display(&palette, NULL));
    assert_null(framebuffer_display(&wide, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_lines, fresh),
        cmocka_unit_test_setup(test_scrolling, fresh),
        cmocka_unit_test_setup(test_line_editor, fresh),
        cmocka_unit_test_setup(test_erasing, fresh),
        cmocka_unit_test_setup(test_wild_sequences, fresh),
        cmocka_unit_test_setup(test_drawing_later, fresh),
        cmocka_unit_test_setup(test_what_went_by, fresh),
        cmocka_unit_test_setup(test_writing_shows_the_end, fresh),
        cmocka_unit_test_setup(test_what_is_kept, fresh),
        cmocka_unit_test_setup(test_looking_back_later, fresh),
        cmocka_unit_test(test_no_screen),
        cmocka_unit_test(test_text_memory),
        cmocka_unit_test(test_pixels),
        cmocka_unit_test(test_unusable_formats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * What of somebody else's text reaches the operator's terminal: no escape sequence, whole or in
 * pieces, and every plain word.
 *
 * Sources: dom0/libc/terminal-text.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "libc/terminal-text.h"

static void expect(const char *from, const char *want)
{
    struct terminal_text whole = { 0 }, pieces = { 0 };
    char to[256];
    size_t length = strlen(from), shown = terminal_text_filter(&whole, to, from, length);

    to[shown] = '\0';
    assert_string_equal(to, want);
    shown = 0;
    for (size_t i = 0; i < length; i++)
        shown += terminal_text_filter(&pieces, to + shown, from + i, 1);
    to[shown] = '\0';
    assert_string_equal(to, want);
}

static void test_plain_text_passes(void **state)
{
    (void)state;
    expect("demo:/# ls\r\n\tone two~\b\n", "demo:/# ls\r\n\tone two~\b\n");
}

static void test_sequences_are_left_out(void **state)
{
    (void)state;
    expect("a\033[6nb", "ab");          /* asks the terminal to type its cursor's place */
    expect("a\033[?25;1hb", "ab");      /* private modes */
    expect("a\033]0;title\007b", "ab"); /* the window's name */
    expect("a\033]0;title\033\\b", "ab");
    expect("a\033P$q\"p\033\\b", "ab"); /* asks for a setting */
    expect("a\033(0b\033cd", "abd");    /* another character set; reset */
    expect("a\033[2\033[Jb", "ab");     /* one begun within another */
    expect("a\a\016\017\177b", "ab");
    expect("a\233"
           "6nb",
           "a?6nb"); /* eight-bit CSI */
}

static void test_a_new_line_ends_all(void **state)
{
    (void)state;
    expect("a\033]0;never ends\nb", "a\nb");
    expect("a\033[12\nb\033\nc", "a\nb\nc");
}

static void test_no_control_comes_through(void **state)
{
    struct terminal_text text = { 0 };

    (void)state;
    srand(7);
    for (int i = 0; i < 1000000; i++) {
        char c = (char)(rand() >> 5), to;

        if (terminal_text_filter(&text, &to, &c, 1))
            assert_true((to >= ' ' && to <= '~') || strchr("\n\r\t\b", to));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text_passes),
        cmocka_unit_test(test_sequences_are_left_out),
        cmocka_unit_test(test_a_new_line_ends_all),
        cmocka_unit_test(test_no_control_comes_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Small pure parts: the comparison of TSCs, the shell's words and completion, --expect's
 * expressions, xenstore's ring indices, ready queues.
 *
 * Sources: dom0/shell/words.c dom0/shell/completion.c tools/vmctl/expression.c
 * dom0/xenstore/ring-copy.c dom0/tasks/ready-queue.c
 *
 * Flags: -Ihypervisor
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/tsc-check.h"
#include "shell/completion.h"
#include "shell/words.h"
#include "tasks/ready-queue.h"
#include "vmctl/expression.h"
#include "xenstore/ring-copy.h"

static void a_tsc_that_differs_is_seen(void **state)
{
    (void)state;
    assert_int_equal(tsc_misfit(100, 100, 100), 0);
    assert_int_equal(tsc_misfit(100, 150, 200), 0);
    assert_int_equal(tsc_misfit(100, 99, 200), 1);
    assert_int_equal(tsc_misfit(100, 205, 200), 5);
    assert_int_equal(tsc_misfit(UINT64_MAX, 0, 5), 0); /* it wraps */
    assert_int_equal(tsc_misfit(0, UINT64_MAX, 5), 1);
}

static void expect_words(const char *line, int count, const char *first, const char *last)
{
    struct words words;
    const char *rest;

    assert_int_equal(words_split(&words, line, &rest), 0);
    assert_null(rest);
    assert_int_equal(words.count, count);
    if (count) {
        assert_string_equal(words.word[0], first);
        assert_string_equal(words.word[count - 1], last);
    }
    words_free(&words);
}

static void lines_are_cut_into_words(void **state)
{
    struct words words;
    const char *rest;

    (void)state;
    expect_words("", 0, NULL, NULL);
    expect_words("   # nothing", 0, NULL, NULL);
    expect_words("a b  c\t d # e", 4, "a", "d");
    expect_words("echo 'a b' \"c \\\"d\\\"\"", 3, "echo", "c \"d\"");
    expect_words("x a\\ b", 2, "x", "a b");
    expect_words("x \"\"", 2, "x", "");
    expect_words("x '[#$] $'", 2, "x", "[#$] $");
    expect_words("x \"a\\d\"", 2, "x", "a\\d");
    assert_int_equal(words_split(&words, "echo hi>f", &rest), 0);
    assert_string_equal(words.output, "f");
    assert_false(words.append);
    assert_int_equal(words.count, 2);
    words_free(&words);
    assert_int_equal(words_split(&words, "echo hi >> 'a b'", &rest), 0);
    assert_string_equal(words.output, "a b");
    assert_true(words.append);
    words_free(&words);
    assert_int_equal(words_split(&words, "echo 'a", &rest), -EINVAL);
    assert_int_equal(words_split(&words, "echo >", &rest), -EINVAL);
}

static void a_line_has_several_commands(void **state)
{
    static const char *const first[] = { "a", "c;d", "e;f", "", "g" };
    const char *line = "a b; 'c;d' ;e\\;f;;g x# y; h";
    struct words words;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        assert_non_null(line);
        assert_int_equal(words_split(&words, line, &line), 0);
        assert_string_equal(words.count ? words.word[0] : "", first[i]);
        words_free(&words);
    }
    assert_string_equal(line, " h"); /* that was no comment */
    assert_int_equal(words_split(&words, "a > f;b", &line), 0);
    assert_string_equal(words.output, "f");
    assert_string_equal(line, "b");
    words_free(&words);
    assert_int_equal(words_split(&words, "a >;b", &line), -EINVAL);
    assert_int_equal(words_split(&words, "a # b; c", &line), 0);
    assert_null(line);
    words_free(&words);
}

static void expect_place(const char *line, int index, const char *second, const char *word)
{
    struct completion_place place;
    bool found = completion_place_find(&place, line, strlen(line));

    assert_int_equal(found, word != NULL);
    if (!word)
        return;
    assert_int_equal(place.index, index);
    assert_string_equal(place.before[1], second);
    assert_string_equal(place.word, word);
}

static void completion_knows_where_it_is(void **state)
{
    char line[600] = "vmctl con trail";
    struct completion_place place;

    (void)state;
    expect_place("", 0, "", "");
    expect_place("vmc", 0, "", "vmc");
    expect_place("vmctl con", 1, "", "con");
    expect_place("vmctl console ", 2, "console", "");
    expect_place(" ! try  vmctl console d", 2, "console", "d");
    expect_place("ls /; vm", 0, "", "vm");
    expect_place("a 'b; c' d", 2, "\"", "d"); /* a word, whatever it is */
    expect_place("a b c d e f", 5, "b", "f");
    expect_place("a 'b", 0, "", NULL);
    expect_place("a b\\ c", 0, "", NULL);
    expect_place("a # b", 0, "", NULL);
    assert_true(completion_place_find(&place, line, 9));
    assert_string_equal(place.word, "con");
    assert_true(completion_place_find(&place, "ls > /e", 7) && place.is_file && place.index == 1);
    assert_true(completion_place_find(&place, "ls > /e x", 9) && !place.is_file &&
                place.index == 1);
    memset(line, 'x', sizeof(line) - 1);
    assert_false(completion_place_find(&place, line, sizeof(line) - 1));
}

static void completion_finds_what_is_common(void **state)
{
    struct completions found;
    char name[32];

    (void)state;
    completions_begin(&found, "re");
    completions_add(&found, "list", "list");
    assert_int_equal(found.count, 0);
    completions_add(&found, "rename", "rename");
    assert_string_equal(found.common, "rename");
    completions_add(&found, "renew", "renew");
    assert_string_equal(found.common, "ren");
    assert_string_equal(found.shown, "rename  renew");
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "re%d", i);
        completions_add(&found, name, name);
    }
    assert_string_equal(found.common, "re");
    assert_int_equal(found.count, 1002);
    assert_true(strlen(found.shown) < sizeof(found.shown));
}

static bool matches(const char *pattern, const char *text)
{
    struct expression *expression = expression_compile(pattern);

    assert_non_null(expression);
    bool result = expression_matches(expression, text);

    expression_free(expression);
    return result;
}

static void expressions_match(void **state)
{
    (void)state;
    assert_true(matches("", "anything"));
    assert_true(matches("b+c", "aabbbc"));
    assert_false(matches("b+c", "aac"));
    assert_true(matches("^login: $", "boot\nlogin: "));
    assert_false(matches("^login:$", "x login:"));
    assert_true(matches("(foo|ba[rz])+!", "xx foobarbaz!"));
    assert_false(matches("(foo|ba[rz])+!", "xx qux!"));
    assert_true(matches("[^a-z]\\d\\d*\\.5", "v A19.5"));
    assert_true(matches("[#$] $", "/ # "));
    assert_true(matches("a.c", "abc"));
    assert_false(matches("a.c", "a\nc"));
    assert_true(matches("x?y", "y"));
    assert_true(matches("(a|b|cd)*e", "abcde"));
    assert_true(matches("\\[ok\\]", "it is [ok] now"));
    assert_true(matches("exit=0", "exit=0\r\n"));
    assert_true(matches("done$", "done\r\n"));
    assert_true(matches("(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
    assert_false(matches("(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void bad_expressions_are_refused(void **state)
{
    static const char *const bad[] = { "(", ")", "[a", "*", "a|*", "(a", "a)", "\\" };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(expression_compile(bad[i]));
}

static void random_expressions_do_no_harm(void **state)
{
    static const char alphabet[] = "ab.*+?|()[]^$\\d-";
    unsigned int seed = 11;
    char pattern[40], text[40];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        size_t length = (size_t)rand_r(&seed) % (sizeof(pattern) - 1);

        for (size_t j = 0; j < length; j++)
            pattern[j] = alphabet[(size_t)rand_r(&seed) % (sizeof(alphabet) - 1)];
        pattern[length] = '\0';
        for (size_t j = 0; j < sizeof(text) - 1; j++)
            text[j] = "ab\n."[rand_r(&seed) % 4];
        text[sizeof(text) - 1] = '\0';
        struct expression *expression = expression_compile(pattern);

        if (expression)
            expression_matches(expression, text);
        expression_free(expression);
    }
}

static void rings_carry_bytes_around_the_corner(void **state)
{
    static struct xenstore_domain_interface page;
    struct ring_ends ends;
    char data[XENSTORE_RING_SIZE], got[XENSTORE_RING_SIZE];
    size_t moved;

    (void)state;
    memset(&page, 0, sizeof(page));
    page.rsp_cons = page.rsp_prod = 0xfffffff0;
    page.req_cons = page.req_prod = 1000;
    ring_ends_start(&ends, &page);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)i;
    assert_int_equal(ring_put(&ends, data, sizeof(data), &moved), 0);
    assert_int_equal(moved, sizeof(data));
    assert_int_equal(ring_put(&ends, data, 1, &moved), 0);
    assert_int_equal(moved, 0);
    assert_int_equal(page.rsp[(0xfffffff0 + 100) & 1023], data[100]);
    memcpy(page.req + 1000, "0123456789abcdefghijklmn", 24);
    memcpy(page.req, "opq", 3);
    page.req_prod += 27;
    assert_int_equal(ring_take(&ends, got, sizeof(got), &moved), 0);
    assert_int_equal(moved, 27);
    assert_memory_equal(got, "0123456789abcdefghijklmnopq", 27);
    assert_int_equal(page.req_cons, 1027);
}

static void wild_ring_indices_are_errors(void **state)
{
    static struct xenstore_domain_interface page;
    struct ring_ends ends;
    char data[64];
    size_t moved;

    (void)state;
    memset(&page, 0, sizeof(page));
    ring_ends_start(&ends, &page);
    page.req_prod = XENSTORE_RING_SIZE + 1;
    assert_int_equal(ring_take(&ends, data, sizeof(data), &moved), -EPROTO);
    page.req_prod = (uint32_t)-1;
    assert_int_equal(ring_take(&ends, data, sizeof(data), &moved), -EPROTO);
    page.req_prod = 0;
    page.req_cons = 77; /* ours, scribbled over: no matter */
    assert_int_equal(ring_take(&ends, data, sizeof(data), &moved), 0);
    assert_int_equal(moved, 0);
    page.rsp_cons = 1;
    assert_int_equal(ring_put(&ends, data, sizeof(data), &moved), -EPROTO);
}

static bool events_masked;

bool events_mask_save(void)
{
    bool was = events_masked;

    events_masked = true;
    return was;
}

void events_mask_restore(bool masked)
{
    events_masked = masked;
}

static void expect_ready(struct ready_queue *queue, struct ready_entry *first,
                         struct ready_entry *second)
{
    assert_ptr_equal(ready_queue_take(queue), first);
    assert_ptr_equal(ready_queue_take(queue), second);
    assert_null(ready_queue_take(queue));
    assert_false(events_masked);
}

static void who_is_ready_has_one_turn(void **state)
{
    struct ready_queue queue = READY_QUEUE_INIT(queue);
    struct ready_entry a = { 0 }, b = { 0 };

    (void)state;
    expect_ready(&queue, NULL, NULL);
    ready_queue_add(&queue, &a);
    ready_queue_add(&queue, &b);
    ready_queue_add(&queue, &a); /* once is enough */
    assert_ptr_equal(ready_queue_take(&queue), &a);
    ready_queue_add(&queue, &a); /* behind the other now */
    expect_ready(&queue, &b, &a);
}

static void who_is_ready_can_be_taken_out(void **state)
{
    struct ready_queue queue = READY_QUEUE_INIT(queue);
    struct ready_entry a = { 0 }, b = { 0 }, c = { 0 };
    struct ready_entry *all[] = { &a, &b, &c };

    (void)state;
    for (unsigned int gone = 0; gone < 3; gone++) {
        for (unsigned int i = 0; i < 3; i++)
            ready_queue_add(&queue, all[i]);
        ready_queue_remove(&queue, all[gone]);
        ready_queue_remove(&queue, all[gone]); /* not there: nothing happens */
        expect_ready(&queue, all[gone == 0], all[gone == 2 ? 1 : 2]);
        for (unsigned int i = 0; i < 3; i++)
            ready_queue_add(&queue, all[i]);
        ready_queue_remove(&queue, all[gone]);
        ready_queue_add(&queue, all[gone]); /* the last now */
        assert_ptr_equal(ready_queue_take(&queue), all[gone == 0]);
        expect_ready(&queue, all[gone == 2 ? 1 : 2], all[gone]);
    }
    ready_queue_add(&queue, &a);
    ready_queue_remove(&queue, &a);
    ready_queue_add(&queue, &b);
    expect_ready(&queue, &b, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tsc_that_differs_is_seen),
        cmocka_unit_test(lines_are_cut_into_words),
        cmocka_unit_test(a_line_has_several_commands),
        cmocka_unit_test(completion_knows_where_it_is),
        cmocka_unit_test(completion_finds_what_is_common),
        cmocka_unit_test(expressions_match),
        cmocka_unit_test(bad_expressions_are_refused),
        cmocka_unit_test(random_expressions_do_no_harm),
        cmocka_unit_test(rings_carry_bytes_around_the_corner),
        cmocka_unit_test(wild_ring_indices_are_errors),
        cmocka_unit_test(who_is_ready_has_one_turn),
        cmocka_unit_test(who_is_ready_can_be_taken_out),
    };

    return cmocka_run_group_tests_name("small-parts", tests, NULL, NULL);
}

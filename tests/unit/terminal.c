/*
 * Terminals: what is kept, who sees what, what is typed, and the end.
 *
 * Sources: dom0/tasks/terminal.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pv-kernel/clock.h"
#include "tasks/terminal.h"
#include "tasks/wait-queue.h"

static unsigned int service_woken;
static uint64_t now;
static void (*meanwhile)(void); /* what happens while a reader sleeps */

uint64_t clock_monotonic_ns(void)
{
    return now;
}

void wait_queue_wake_one(struct wait_queue *queue)
{
    (void)queue;
}

void wait_queue_wake_all(struct wait_queue *queue)
{
    (void)queue;
}

void wait_queue_wait(struct wait_queue *queue)
{
    (void)queue;
    assert_non_null(meanwhile);
    meanwhile();
}

int wait_queue_wait_until(struct wait_queue *queue, uint64_t deadline_ns)
{
    (void)queue;
    if (meanwhile) {
        meanwhile();
        return 0;
    }
    now = deadline_ns;
    return -ETIMEDOUT;
}

static struct terminal *terminal;

static void print(const char *text)
{
    terminal_print(terminal, text, strlen(text), true);
}

static struct terminal_session *opened(const char *name)
{
    struct terminal_session *session;

    assert_int_equal(terminal_open(name, &session), 0);
    return session;
}

static void sees(struct terminal_session *session, const char *wanted)
{
    char text[64];
    size_t length;

    assert_int_equal(terminal_read(session, text, sizeof(text) - 1, &length, -1), 0);
    text[length] = '\0';
    assert_string_equal(text, wanted);
}

static void typed(void *argument)
{
    assert_ptr_equal(argument, &service_woken);
    service_woken++;
}

static int setup(void **state)
{
    (void)state;
    now = 0;
    service_woken = 0;
    meanwhile = NULL;
    terminal = terminal_create("guest-1", typed, &service_woken);
    assert_non_null(terminal);
    return 0;
}

static int hung_up(void **state)
{
    (void)state;
    terminal_hang_up(terminal);
    return 0;
}

static void prints_more(void)
{
    print("more");
}

static void hangs_up(void)
{
    print("last");
    terminal_hang_up(terminal);
}

static void every_session_sees_all(void **state)
{
    struct terminal_session *early = opened("guest-1"), *late;

    (void)state;
    print("one ");
    sees(early, "one ");
    print("two");
    late = opened("guest-1");
    sees(late, "one two");
    sees(early, "two");
    meanwhile = prints_more;
    sees(late, "more");
    sees(early, "more");
    terminal_close(early);
    terminal_close(late);
}

/* Who comes late, or reads slowly, sees the last of it, in order. */
static void the_last_is_kept(void **state)
{
    struct terminal_session *slow = opened("guest-1");
    char line[17];
    size_t length;

    (void)state;
    sprintf(line, "%s", "first");
    print(line);
    for (unsigned int i = 0; i < TERMINAL_KEPT / 16 + 3; i++) {
        sprintf(line, "%015u\n", i);
        print(line);
    }
    for (unsigned int i = 3; i < TERMINAL_KEPT / 16 + 3; i++) {
        char wanted[17];

        sprintf(wanted, "%015u\n", i);
        assert_int_equal(terminal_read(slow, line, 16, &length, 0), 0);
        assert_int_equal(length, 16);
        assert_memory_equal(line, wanted, 16);
    }
    assert_int_equal(terminal_read(slow, line, 16, &length, 0), -ETIMEDOUT);
    terminal_close(slow);
}

/* Where there is no memory for a longer ring, the last of it that the short one holds. */
static void a_short_ring_goes_round(void **state)
{
    struct terminal_session *session = opened("guest-1");
    char line[17], text[4096];
    size_t length;

    (void)state;
    print("first");
    for (unsigned int i = 0; i < 200; i++) {
        sprintf(line, "%015u\n", i);
        terminal_print(terminal, line, 16, false);
    }
    print("last"); /* a longer one would not help any more */
    assert_int_equal(terminal_read(session, text, sizeof(text), &length, 0), 0);
    assert_in_range(length, 128, 1024);
    assert_memory_equal(text + length - 20, "000000000000199\nlast", 20);
    for (size_t at = length - 4; at >= 16; at -= 16)
        assert_int_equal(text[at - 1], '\n');
    terminal_close(session);
}

static void nothing_comes(void **state)
{
    struct terminal_session *session = opened("guest-1"), *other;
    char byte;
    size_t length = 7;

    (void)state;
    assert_int_equal(terminal_read(session, &byte, 1, &length, 5000), -ETIMEDOUT);
    assert_int_equal(length, 0);
    assert_int_equal(now, 5000);
    assert_int_equal(terminal_open("guest-2", &other), -ENOENT);
    terminal_close(session);
}

/* Typing never waits; the service is woken, and takes it in order. */
static void what_is_typed_comes_in_order(void **state)
{
    struct terminal_session *session = opened("guest-1");
    char text[TERMINAL_TYPED + 1], taken[TERMINAL_TYPED];
    size_t written, next = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 7);
    assert_false(terminal_was_typed(terminal));
    assert_int_equal(terminal_write(session, text, 3, &written), 0);
    assert_int_equal(written, 3);
    assert_int_equal(service_woken, 1);
    assert_true(terminal_was_typed(terminal));
    assert_int_equal(terminal_take(terminal, taken, 2), 2);
    assert_memory_equal(taken, text, 2);
    assert_false(terminal_was_typed(terminal)); /* what is left waits for the guest to read */
    assert_int_equal(terminal_write(session, text + 3, sizeof(text) - 3, &written), 0);
    assert_int_equal(written, sizeof(text) - 3);
    assert_int_equal(terminal_write(session, text, 10, &written), 0);
    assert_int_equal(written, 1);
    assert_int_equal(terminal_write(session, text, 10, &written), 0);
    assert_int_equal(written, 0);
    next = 2;
    assert_int_equal(terminal_take(terminal, taken, sizeof(taken)), TERMINAL_TYPED);
    assert_memory_equal(taken, text + next, TERMINAL_TYPED - 1);
    assert_int_equal(taken[TERMINAL_TYPED - 1], text[0]);
    assert_int_equal(terminal_take(terminal, taken, sizeof(taken)), 0);
    terminal_close(session);
}

/* A session outlives the guest: it reads what there was, and then the end. */
static void the_end(void **state)
{
    struct terminal_session *session = opened("guest-1"), *other;
    size_t written;

    (void)state;
    meanwhile = hangs_up;
    sees(session, "last");
    sees(session, "");
    assert_int_equal(terminal_write(session, "x", 1, &written), -EPIPE);
    assert_int_equal(written, 0);
    assert_int_equal(terminal_open("guest-1", &other), -ENOENT);
    terminal_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_session_sees_all, setup, hung_up),
        cmocka_unit_test_setup_teardown(the_last_is_kept, setup, hung_up),
        cmocka_unit_test_setup_teardown(a_short_ring_goes_round, setup, hung_up),
        cmocka_unit_test_setup_teardown(nothing_comes, setup, hung_up),
        cmocka_unit_test_setup_teardown(what_is_typed_comes_in_order, setup, hung_up),
        cmocka_unit_test_setup(the_end, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

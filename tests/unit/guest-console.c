/*
 * A guest's console ring, between a guest that may write what it likes there and its terminal.
 *
 * Sources: dom0/consoles/guest-console.c dom0/tasks/terminal.c
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

#include "consoles/console-log.h"
#include "consoles/guest-console.h"
#include "libc/libc.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/foreign-frames.h"
#include "tasks/terminal.h"
#include "tasks/wait-queue.h"

static struct xencons_interface page;
static unsigned int maps, ports, notified, woken;
static event_handler_t handler;
static void *handler_argument;
static int bind_error;
static char logged[8192];
static size_t logged_bytes;

int foreign_frames_map(domid_t domid, const uint64_t *gfns, size_t n, bool writable, void **va)
{
    assert_true(domid == 7 && *gfns == 42 && n == 1 && writable);
    maps++;
    *va = &page;
    return 0;
}

void foreign_frames_unmap(void *va, size_t n)
{
    assert_true(va == &page && n == 1);
    maps--;
}

int event_port_bind_interdomain(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port)
{
    assert_true(remote == 7 && remote_port == 3);
    ports += !bind_error;
    *port = 9;
    return bind_error;
}

void event_port_set_guest_handler(evtchn_port_t port, event_handler_t function, void *argument)
{
    (void)port;
    handler = function;
    handler_argument = argument;
}

void event_port_reopen(evtchn_port_t port)
{
    (void)port;
}

int event_port_notify(evtchn_port_t port)
{
    assert_int_equal(port, 9);
    notified++;
    return 0;
}

int event_port_close(evtchn_port_t port)
{
    (void)port;
    ports--;
    return 0;
}

void console_log_add(const char *guest, const char *text, size_t length)
{
    assert_string_equal(guest, "name");
    assert_true(logged_bytes + length <= sizeof(logged));
    memcpy(logged + logged_bytes, text, length);
    logged_bytes += length;
}

bool libc_memory_allows(size_t bytes)
{
    (void)bytes;
    return true;
}

uint64_t clock_monotonic_ns(void)
{
    return 0;
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
    fail();
}

int wait_queue_wait_until(struct wait_queue *queue, uint64_t deadline_ns)
{
    (void)queue;
    (void)deadline_ns;
    return -ETIMEDOUT;
}

static struct guest_console *console;
static struct terminal_session *session;

static void rang(struct guest_console *which)
{
    (void)which;
    woken++;
}

static int connect_at(uint32_t first)
{
    memset(&page, 0, sizeof(page));
    page.out_cons = page.out_prod = page.in_cons = page.in_prod = first;
    notified = woken = 0;
    logged_bytes = 0;
    bind_error = 0;
    return guest_console_connect(7, "name", 42, 3, rang, &console);
}

/* The indices run freely; they begin where they soon wrap. */
static int setup(void **state)
{
    (void)state;
    assert_int_equal(connect_at(0xfffffff0u), 0);
    assert_int_equal(terminal_open("guest-7", &session), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    guest_console_disconnect(console);
    free(console);
    terminal_close(session);
    assert_int_equal(maps, 0);
    assert_int_equal(ports, 0);
    return 0;
}

static void guest_prints(const char *text)
{
    while (*text)
        page.out[page.out_prod++ % sizeof(page.out)] = *text++;
    handler(9, handler_argument);
}

static void sees(const char *wanted)
{
    char text[4096];
    size_t length;
    int error = terminal_read(session, text, sizeof(text), &length, 0);

    assert_int_equal(error, *wanted ? 0 : -ETIMEDOUT);
    assert_int_equal(length, strlen(wanted));
    assert_memory_equal(text, wanted, length);
}

static void what_it_prints_is_seen_and_logged(void **state)
{
    (void)state;
    guest_prints("a line that passes the end of the numbers");
    assert_int_equal(woken, 1);
    guest_console_serve(console);
    assert_int_equal(page.out_cons, page.out_prod);
    assert_int_equal(notified, 1);
    sees("a line that passes the end of the numbers");
    assert_int_equal(logged_bytes, 41);
    guest_console_serve(console);
    assert_int_equal(notified, 1); /* nothing came, nobody is told */
}

/* It is typed as far as there is room, and the rest when the guest has read. */
static void what_is_typed_waits_for_the_guest(void **state)
{
    char typed[TERMINAL_TYPED];
    size_t written, at = 0;

    (void)state;
    for (unsigned int round = 0; round < 5; round++) {
        for (size_t i = 0; i < sizeof(typed); i++)
            typed[i] = (char)(at++ * 5);
        assert_int_equal(terminal_write(session, typed, sizeof(typed), &written), 0);
        assert_int_equal(written, sizeof(typed));
        guest_console_serve(console);
    }
    assert_int_equal(page.in_prod - page.in_cons, sizeof(page.in));
    assert_int_equal(terminal_write(session, typed, 1, &written), 0);
    assert_int_equal(written, 0);
    for (at = 0; at < 5 * TERMINAL_TYPED; at++) {
        assert_int_not_equal(page.in_prod, page.in_cons);
        assert_int_equal(page.in[page.in_cons++ % sizeof(page.in)], (char)(at * 5));
        guest_console_serve(console);
    }
    assert_int_equal(page.in_prod, page.in_cons);
}

static void indices_that_make_no_sense(void **state)
{
    size_t written;

    (void)state;
    page.out_prod = page.out_cons + sizeof(page.out) + 1;
    guest_console_serve(console);
    assert_true(console->broken);
    page.out_prod = page.out_cons;
    guest_prints("more");
    guest_console_serve(console);
    sees("");
    assert_int_equal(terminal_write(session, "x", 1, &written), 0);
    guest_console_serve(console);
    assert_false(terminal_was_typed(console->terminal));
    assert_int_equal(page.in_prod, page.in_cons);
    assert_int_equal(notified, 0);
}

static void input_indices_that_make_no_sense(void **state)
{
    size_t written;

    (void)state;
    page.in_cons = page.in_prod + 1;
    assert_int_equal(terminal_write(session, "x", 1, &written), 0);
    guest_console_serve(console);
    assert_true(console->broken);
    assert_int_equal(page.in_prod, page.in_cons - 1);
}

static void the_last_words_are_heard(void **state)
{
    char text[32];
    size_t length;

    (void)state;
    guest_prints("panic");
    guest_console_disconnect(console);
    free(console);
    assert_int_equal(maps, 0);
    assert_int_equal(ports, 0);
    sees("panic");
    assert_int_equal(terminal_read(session, text, sizeof(text), &length, -1), 0);
    assert_int_equal(length, 0);
    terminal_close(session);
}

static void what_fails_leaves_nothing(void **state)
{
    (void)state;
    bind_error = -EINVAL;
    assert_int_equal(guest_console_connect(7, "name", 42, 3, rang, &console), -EINVAL);
    assert_int_equal(maps, 0);
    assert_int_equal(ports, 0);
    assert_int_equal(terminal_open("guest-7", &session), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_it_prints_is_seen_and_logged, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_typed_waits_for_the_guest, setup, teardown),
        cmocka_unit_test_setup_teardown(indices_that_make_no_sense, setup, teardown),
        cmocka_unit_test_setup_teardown(input_indices_that_make_no_sense, setup, teardown),
        cmocka_unit_test_setup(the_last_words_are_heard, setup),
        cmocka_unit_test(what_fails_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

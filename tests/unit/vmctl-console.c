/*
 * vmctl console with a guest that does not read what is typed, or never stops printing: the key
 * that leaves is heard, and --send ends when its time is up; and with one that reboots.  Console,
 * keyboard, store and clock are fakes.
 *
 * Sources: tools/vmctl/commands/console.c tools/vmctl/expression.c tools/vmctl/failure.c
 * Sources: tools/vmctl/domain/comeback.c dom0/libc/terminal-text.c
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

#include "fake-store.h"
#include "vmctl/command.h"
#include "vmctl/domain/comeback.h"
#include "vmctl/domain/domain.h"
#include "vmctl/hypervisor.h"
#include "vmctl/platform/platform.h"

static int64_t now;
static size_t room;      /* that the guest's ring has */
static char taken[4096]; /* by the guest */
static size_t taken_count, keys_left, looks;
static const char *line_option, *pattern_option, *timeout_option;
static bool chatty; /* there is always more to read */
static int64_t interrupt_at;
static struct command_context context;
/* A guest that reboots: it ends after so many readings, and is back after so many looks. */
static unsigned int lives, reads_left, looks_until_back, opened;
static const uint8_t uuid[16] = { 1, 2, 3 };

static void time_passes(int64_t ns)
{
    now += ns;
    if (++looks > 100000)
        fail_msg("it does not end");
}

int64_t platform_now_ns(void)
{
    time_passes(1000);
    return now;
}

void platform_sleep_ns(uint64_t duration_ns)
{
    time_passes((int64_t)duration_ns);
}

int platform_console_open(uint32_t domid, struct platform_console **console)
{
    assert_int_equal(domid, 5 + opened++);
    *console = (struct platform_console *)taken;
    return 0;
}

void platform_console_close(struct platform_console *console)
{
    (void)console;
}

int platform_console_read(struct platform_console *console, void *buffer, size_t size,
                          size_t *length, int64_t timeout_ns)
{
    (void)console;
    if (lives && !reads_left--) {
        *length = 0;
        reads_left = 3;
        if (--lives)
            comeback_begin(xs_open(), uuid, "guest");
        return 0;
    }
    *length = chatty ? size : 0;
    memset(buffer, '.', *length);
    time_passes(chatty ? 1000 : timeout_ns);
    return chatty ? 0 : -ETIMEDOUT;
}

void platform_terminal_write(const char *data, size_t length)
{
    (void)data;
    (void)length;
}

bool platform_interrupted(void)
{
    return interrupt_at && now >= interrupt_at;
}

int platform_console_write(struct platform_console *console, const void *data, size_t length,
                           size_t *written)
{
    (void)console;
    time_passes(1000);
    *written = length < room ? length : room;
    memcpy(taken + taken_count, data, *written);
    taken_count += *written;
    room -= *written;
    return 0;
}

int platform_keyboard_raw(bool on)
{
    (void)on;
    return 0;
}

/* So many letters, and then the key that leaves. */
int platform_keyboard_read(char *byte, int64_t timeout_ns)
{
    time_passes(timeout_ns);
    if (looks_until_back && !--looks_until_back)
        comeback_end(xs_open(), uuid);
    if (lives)
        return -ETIMEDOUT;
    *byte = keys_left ? (char)('a' + keys_left % 26) : 29;
    keys_left -= keys_left > 0;
    return 0;
}

int domain_find(struct xs_client *store, const char *text, uint32_t *domid, struct failure *failure)
{
    (void)store;
    (void)text;
    (void)failure;
    *domid = 5 + opened;
    return 0;
}

int domain_info(uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
    memset(info, 0, sizeof(*info));
    info->domain = (domid_t)domid;
    memcpy(info->handle, uuid, sizeof(uuid));
    return 0;
}

bool command_option(int *argc, char **argv, const char *name, const char **value)
{
    (void)argc;
    (void)argv;
    if (!strcmp(name, "--send"))
        *value = line_option;
    if (!strcmp(name, "--expect"))
        *value = pattern_option;
    if (!strcmp(name, "--timeout"))
        *value = timeout_option;
    return *value != NULL;
}

int command_usage(const struct command_context *of)
{
    (void)of;
    return 2;
}

int command_failed(const struct command_context *of, int error, const char *what)
{
    (void)what;
    assert_int_equal(error, interrupt_at ? -EINTR : -ETIMEDOUT);
    if (error == -ETIMEDOUT)
        assert_non_null(strstr(of->failure.text, "does not read"));
    return 1;
}

int64_t command_seconds(const char *text)
{
    return atoll(text) * 1000000000;
}

static int setup(void **state)
{
    (void)state;
    now = 0;
    room = taken_count = keys_left = looks = 0;
    lives = looks_until_back = opened = 0;
    reads_left = 3;
    memset(nodes, 0, sizeof(nodes));
    line_option = pattern_option = timeout_option = NULL;
    chatty = false;
    interrupt_at = 0;
    memset(&context, 0, sizeof(context));
    return 0;
}

static void the_key_that_leaves_is_heard(void **state)
{
    (void)state;
    keys_left = 1000;
    assert_int_equal(console_attach(5), 0);
    assert_int_equal(taken_count, 0);
}

static void what_is_read_arrives_in_order(void **state)
{
    (void)state;
    keys_left = 1000;
    room = 100;
    assert_int_equal(console_attach(5), 0);
    assert_int_equal(taken_count, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(taken[i], 'a' + (1000 - i) % 26);
}

static int send_line(const char *line)
{
    char *argv[] = { (char *)"console", (char *)"guest", NULL };

    line_option = line;
    timeout_option = "3";
    return command_console(&context, 2, argv);
}

static void send_ends_when_its_time_is_up(void **state)
{
    (void)state;
    room = 3;
    assert_int_equal(send_line("hello"), 1);
    assert_in_range(now, 3000000000, 4000000000);
    assert_memory_equal(taken, "hel", 3);
}

static void send_sends(void **state)
{
    (void)state;
    room = 100;
    assert_int_equal(send_line("hello"), 0);
    assert_int_equal(taken_count, 6);
    assert_memory_equal(taken, "hello\r", 6);
}

/* Its console comes back with it, under its new number; at its last end the session ends. */
static void it_stays_through_reboots(void **state)
{
    (void)state;
    lives = 2;
    looks_until_back = 10;
    assert_int_equal(console_attach(5), 0);
    assert_int_equal(opened, 2);
    assert_int_equal(lives, 0);
    assert_false(comeback_expected(xs_open(), uuid, taken, sizeof(taken)));
}

/* While it is away, and does not come back, the key that leaves is heard. */
static void who_waits_for_it_can_leave(void **state)
{
    (void)state;
    lives = 1;
    reads_left = 0;
    comeback_begin(xs_open(), uuid, "guest");
    assert_int_equal(console_attach(5), 0);
    assert_int_equal(opened, 1);
}

static void a_guest_that_never_stops_holds_nobody(void **state)
{
    (void)state;
    chatty = true;
    room = 100;
    keys_left = 10;
    assert_int_equal(console_attach(5), 0);
    opened = 0;
    assert_int_equal(send_line("hello"), 0);
    assert_memory_equal(taken + taken_count - 6, "hello\r", 6);
}

static void expecting_ends_with_ctrl_c(void **state)
{
    (void)state;
    pattern_option = "never";
    interrupt_at = 1000000000;
    assert_int_equal(send_line(NULL), 1);
    assert_in_range(now, 1000000000, 2000000000);
    setup(NULL);
    chatty = true;
    pattern_option = "never";
    interrupt_at = 10000000;
    assert_int_equal(send_line(NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_key_that_leaves_is_heard, setup),
        cmocka_unit_test_setup(what_is_read_arrives_in_order, setup),
        cmocka_unit_test_setup(send_ends_when_its_time_is_up, setup),
        cmocka_unit_test_setup(send_sends, setup),
        cmocka_unit_test_setup(it_stays_through_reboots, setup),
        cmocka_unit_test_setup(who_waits_for_it_can_leave, setup),
        cmocka_unit_test_setup(a_guest_that_never_stops_holds_nobody, setup),
        cmocka_unit_test_setup(expecting_ends_with_ctrl_c, setup),
    };

    return cmocka_run_group_tests_name("vmctl-console", tests, NULL, NULL);
}

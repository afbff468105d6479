/*
 * What long work shows: at a terminal a line that comes and goes, elsewhere not a byte.
 *
 * Sources: tools/vmctl/progress.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "vmctl/platform/platform.h"
#include "vmctl/progress.h"

static bool attended;
static int64_t now;
static char written[4096];
static unsigned int writes;

bool platform_is_attended(void)
{
    return attended;
}

int64_t platform_now_ns(void)
{
    return now += 10000000;
}

void platform_terminal_write(const char *data, size_t length)
{
    assert_true(strlen(written) + length < sizeof(written));
    strncat(written, data, length);
    writes++;
}

static int setup(void **state)
{
    (void)state;
    attended = true;
    written[0] = '\0';
    writes = 0;
    return 0;
}

static void it_comes_and_goes(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++)
        progress_show("at %d", i);
    assert_in_range(writes, 5, 40); /* in 6 seconds */
    assert_memory_equal(written, "\rat ", 4);
    assert_non_null(strstr(written, "\033[K"));
    written[0] = '\0';
    progress_end();
    assert_string_equal(written, "\r\033[K");
}

static void what_is_done_soon_needs_no_word(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        progress_show("at %d", i);
        progress_end();
    }
    assert_int_equal(writes, 0);
}

static void nothing_is_written_where_nobody_sits(void **state)
{
    (void)state;
    attended = false;
    for (int i = 0; i < 300; i++)
        progress_show("at %d", i);
    progress_end();
    assert_int_equal(writes, 0);
}

static void long_names_are_cut(void **state)
{
    char name[1000];

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    for (int i = 0; i < 40; i++)
        progress_show("%s", name);
    assert_in_range(writes, 1, 10);
    progress_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_comes_and_goes, setup),
        cmocka_unit_test_setup(what_is_done_soon_needs_no_word, setup),
        cmocka_unit_test_setup(nothing_is_written_where_nobody_sits, setup),
        cmocka_unit_test_setup(long_names_are_cut, setup),
    };

    return cmocka_run_group_tests_name("vmctl-progress", tests, NULL, NULL);
}

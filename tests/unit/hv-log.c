/*
 * The log ring: a reader gets each line once and in order, also when positions have come round.
 * The ring's own words are moved on, for nobody prints gigabytes here.
 *
 * Sources: hypervisor/lib/print.c
 *
 * Flags: -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "lib/log.c"

void cpu_wait_step(void)
{
    fail();
}

/* All there is for a reader that comes for the first time and reads in small pieces. */
static size_t read_all(char *to, size_t room)
{
    uint32_t index = log_oldest();
    size_t n = 0, got;

    do {
        got = log_read(&index, to + n, room - n < 128 ? room - n : 128);
        n += got;
    } while (got && n < room);
    return n;
}

static void a_long_life_is_no_loop(void **state)
{
    static char text[2 * LOG_RING_BYTES];
    char filler[200];
    size_t n;

    (void)state;
    memset(filler, 'x', sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = 0;
    for (unsigned i = 0; i < 24; i++) {
        for (unsigned k = 0; k < 2 * LOG_RING_BYTES / sizeof(filler); k++)
            log_print(LOG_DEBUG, "%s", filler);
        log_print(LOG_DEBUG, "the last line");
        n = read_all(text, sizeof(text));
        assert_int_equal(n, LOG_RING_BYTES);
        assert_memory_equal(text + n - 19, "(pv) the last line\n", 19);
        produced += 1U << 28; /* as after so many bytes more: past 2^31 and 2^32 */
    }
}

static void what_is_forgotten_is_not_read_again(void **state)
{
    static char text[2 * LOG_RING_BYTES];
    uint32_t index = 0;
    unsigned reads = 0;

    (void)state;
    while (log_read(&index, text, sizeof(text)))
        assert_in_range(++reads, 1, 10);
    log_forget(index);
    assert_int_equal(read_all(text, sizeof(text)), 0);
    log_print(LOG_INFO, "new");
    assert_int_equal(read_all(text, sizeof(text)), 9);
    assert_memory_equal(text, "(pv) new\n", 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_life_is_no_loop),
        cmocka_unit_test(what_is_forgotten_is_not_read_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Ways to sleep on the model of the PC: what is written to which register, in which order.
 *
 * Sources: tests/pc/pc.c tests/pc/timers.c tests/pc/lapic.c tests/pc/uarts.c tests/pc/iommus.c
 * Sources: tests/pc/ioapics.c
 * Sources: hypervisor/machine/power.c hypervisor/machine/clock.c hypervisor/machine/tsc-rate.c
 * Sources: hypervisor/machine/rtc.c hypervisor/machine/serial.c
 *
 * Flags: -Itests/pc/in-place -Itests/pc -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "lib/log.h"
#include "machine/power.h"
#include "machine/remote.h"
#include "machine/screen.h"
#include "machine/serial.h"
#include "pc.h"

void cpu_wait_step(void)
{
    cpu_pause();
}

void remote_stop_all(void)
{
}

void screen_draw_at_once(void)
{
}

void log_print(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

void panic(const char *format, ...)
{
    fail_msg("panic: %s", format);
    abort();
}

static int reset(void **state)
{
    (void)state;
    pc_reset();
    power_registers = (struct power_registers){
        .pm1a_control = { .kind = POWER_PORT, .port = PC_PM1A },
        .pm1b_control = { .kind = POWER_PORT, .port = PC_PM1B },
    };
    return 0;
}

/* The types first, then the word to go; SCI_EN and what else is set stay.  All was said before. */
static void types_then_enable(void **state)
{
    static const struct serial_port com1 = { 0x3f8, 4, SERIAL_BAUD_MAX };

    (void)state;
    assert_true(serial_init(&com1, 1));
    serial_write("good bye", 8);
    pc.pm1[0] = 0x1c03;
    pc.pm1[1] = 0x0001;
    power_enter_sleep(5 << 10, 6 << 10 | 0x3ff, false);
    assert_false(pc_unsent(0));
    assert_int_equal(pc.pm1_writes, 4);
    assert_int_equal(pc.pm1_written[0], 0x1403);
    assert_int_equal(pc.pm1_written[1], 0x1801);
    assert_int_equal(pc.pm1_written[2], 0x3403);
    assert_int_equal(pc.pm1_written[3], 0x3801);
}

static void one_register_is_enough(void **state)
{
    (void)state;
    power_registers.pm1b_control.kind = POWER_NOTHING;
    power_enter_sleep(7 << 10, 0, false);
    assert_int_equal(pc.pm1_writes, 2);
    assert_int_equal(pc.pm1[0], 0x3c00);
    assert_int_equal(pc.pm1[1], 0);
}

static void hardware_reduced(void **state)
{
    (void)state;
    pc.uart[0] = PC_WORKS;
    power_registers.sleep_control =
        (struct power_register){ .kind = POWER_PORT, .port = 0x3f8 }; /* one that shows it */
    power_enter_sleep(5, 0, true);
    assert_int_equal(pc.pm1_writes, 0);
    assert_int_equal(pc.printed_length[0], 1);
    assert_int_equal(pc.printed[0][0], 5 << 2 | 1 << 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(types_then_enable, reset),
        cmocka_unit_test_setup(one_register_is_enough, reset),
        cmocka_unit_test_setup(hardware_reduced, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The hypervisor's machine/ on the model of the PC (tests/pc): clocks from whatever timer there is,
 * the local APIC, serial ports that are not there or take nothing.
 *
 * Sources: tests/pc/pc.c tests/pc/timers.c tests/pc/lapic.c tests/pc/uarts.c tests/pc/iommus.c
 * Sources: tests/pc/ioapics.c
 * Sources: hypervisor/machine/clock.c hypervisor/machine/tsc-rate.c hypervisor/machine/rtc.c
 * Sources: hypervisor/machine/lapic.c hypervisor/machine/serial.c hypervisor/machine/iommu.c
 * Sources: hypervisor/machine/ioapic.c
 *
 * Flags: -Itests/pc/in-place -Itests/pc -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "lib/errno.h"
#include "lib/log.h"
#include "machine/clock.h"
#include "machine/cpu-features.h"
#include "machine/interrupts.h"
#include "machine/ioapic.h"
#include "machine/iommu.h"
#include "machine/lapic.h"
#include "machine/rtc.h"
#include "machine/serial.h"
#include "machine/tsc-rate.h"
#include "pc.h"

#define MHZ 1000000UL

static const struct serial_port coms[] = { { 0x3f8, 4, SERIAL_BAUD_MAX },
                                           { 0x2f8, 3, SERIAL_BAUD_MAX } };
struct cpu_features cpu_features;
static bool panicked;
static jmp_buf at_panic;

void cpu_wait_step(void)
{
    cpu_pause();
}

void log_print(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

void panic(const char *format, ...)
{
    (void)format;
    panicked = true;
    longjmp(at_panic, 1);
}

static int reset(void **state)
{
    (void)state;
    pc_reset();
    panicked = false;
    memset(&cpu_features, 0, sizeof(cpu_features));
    clock_wall_set(0, 0, 0);
    return 0;
}

static struct reference_timers timers(void)
{
    return (struct reference_timers){ .hpet = pc_map(PC_HPET_PHYSICAL),
                                      .pm_timer = pc.pm_timer == PC_ABSENT ? 0 : PC_PM_TIMER,
                                      .pm_timer_32 = !pc.pm_timer_24,
                                      .pit = true };
}

/* The rate is right to 200 parts in a million. */
static void expect_rate(uint64_t hz, const char *by)
{
    struct reference_timers t = timers();
    const char *source = "nobody";
    uint64_t rate = tsc_rate_find(&t, &source), apart = rate > hz ? rate - hz : hz - rate;

    assert_string_equal(source, by);
    assert_true(apart <= hz / 5000);
}

static void any_timer_that_counts_will_do(void **state)
{
    (void)state;
    expect_rate(pc.tsc_hz, "the HPET");
    assert_int_equal(pc.hpet_config, 0); /* as the firmware left it */
    pc.hpet = PC_FROZEN;
    expect_rate(pc.tsc_hz, "ACPI's timer");
    pc.hpet = PC_ABSENT;
    pc.pm_timer_24 = false;
    expect_rate(pc.tsc_hz, "ACPI's timer");
    pc.pm_timer = PC_FROZEN;
    expect_rate(pc.tsc_hz, "the PIT");
    pc.pm_timer = PC_ABSENT;
    pc.hpet_femtoseconds = 0;
    pc.hpet = PC_WORKS;
    expect_rate(pc.tsc_hz, "the PIT");
}

static void counters_wrap_while_they_are_read(void **state)
{
    (void)state;
    for (pc.tsc_hz = 800 * MHZ; pc.tsc_hz < 6000 * MHZ; pc.tsc_hz += 577 * MHZ) {
        pc.hpet = PC_WORKS;
        pc.now = (uint64_t)(0x100000000UL - 30000) * pc.hpet_femtoseconds; /* 2 ms before */
        expect_rate(pc.tsc_hz, "the HPET");
        pc.hpet = PC_ABSENT;
        pc.now = (1UL << 24) * 1000000000UL / 3579545 * 1000000UL - 5000000000000UL;
        expect_rate(pc.tsc_hz, "ACPI's timer");
        pc.accesses = 0;
    }
}

static const struct pc_leaf crystal[] = {
    { 0, 0, { 0x16, 0, 0, 0 } },
    { 0x15, 0, { 2, 176, 24000000, 0 } },
    { 0x16, 0, { 2100, 4000, 100, 0 } },
    { ~0U, 0, { 0 } },
};
/* The crystal's frequency is not told, as on the first of these processors. */
static const struct pc_leaf base_only[] = {
    { 0, 0, { 0x16, 0, 0, 0 } },
    { 0x15, 0, { 2, 176, 0, 0 } },
    { 0x16, 0, { 2100, 4000, 100, 0 } },
    { ~0U, 0, { 0 } },
};
static const struct pc_leaf kvm[] = {
    { 0, 0, { 0xd, 0, 0, 0 } },
    { 1, 0, { 0, 0, 1U << 31, 0 } },
    { 0x40000000, 0, { 0x40000001, 0x7263694d, 0x666f736f, 0x76482074 } }, /* as Hyper-V, first */
    { 0x40000100, 0, { 0x40000110, 0x4b4d564b, 0x564b4d56, 0x4d } },
    { 0x40000110, 0, { 2899999, 1000000, 0, 0 } },
    { ~0U, 0, { 0 } },
};
static const struct pc_leaf hyperv[] = {
    { 0, 0, { 0xd, 0, 0, 0 } },
    { 1, 0, { 0, 0, 1U << 31, 0 } },
    { 0x40000000, 0, { 0x4000000b, 0x7263694d, 0x666f736f, 0x76482074 } },
    { 0x40000003, 0, { 1U << 11, 0, 0, 1U << 8 } },
    { ~0U, 0, { 0 } },
};
static const struct pc_leaf hyperv_without[] = {
    { 0, 0, { 0xd, 0, 0, 0 } },
    { 1, 0, { 0, 0, 1U << 31, 0 } },
    { 0x40000000, 0, { 0x4000000b, 0x7263694d, 0x666f736f, 0x76482074 } },
    { 0x40000003, 0, { 1U << 11, 0, 0, 0 } },
    { ~0U, 0, { 0 } },
};

static void who_knows_the_rate_is_asked(void **state)
{
    (void)state;
    pc.leaves = crystal;
    expect_rate(2112 * MHZ, "CPUID");
    pc.leaves = kvm;
    expect_rate(2899999000UL, "the hypervisor below");
    pc.hpet = PC_ABSENT; /* nor has generation 2 of Hyper-V a PIT */
    pc.pit = PC_ABSENT;
    pc.pm_timer = PC_ABSENT;
    pc.leaves = hyperv;
    pc.hyperv_tsc_hz = 2095078000UL;
    expect_rate(2095078000UL, "the hypervisor below");
    pc.hyperv_tsc_hz = 0; /* to read it is a general protection fault */
    pc.leaves = base_only;
    expect_rate(2100 * MHZ, "CPUID's base frequency");
    pc.leaves = hyperv_without;
    pc.pit = PC_WORKS;
    expect_rate(pc.tsc_hz, "the PIT");
}

static bool clock_starts(bool has_rtc)
{
    struct reference_timers t = timers();

    if (!setjmp(at_panic))
        clock_init(&t, has_rtc);
    return !panicked;
}

static void without_any_timer_it_is_said(void **state)
{
    uint64_t before = pc_milliseconds();

    (void)state;
    pc.hpet = pc.pm_timer = pc.pit = PC_FROZEN;
    assert_false(clock_starts(true));
    assert_true(pc_milliseconds() - before < 2000);
    reset(state);
    pc.hpet = pc.pm_timer = pc.pit = PC_ABSENT;
    assert_false(clock_starts(true));
}

static uint64_t wall_seconds(void)
{
    uint64_t seconds;
    uint32_t nanoseconds;

    clock_wall_base(&seconds, &nanoseconds);
    return seconds;
}

static void times_of_day_in_all_forms(void **state)
{
    static const uint64_t times[] = { 0, 86399, 43200, 46800, 3600, 59 * 86400 };
    uint64_t seconds;

    (void)state;
    assert_true(clock_starts(true));
    for (unsigned i = 0; i < sizeof(times) / sizeof(*times); i++)
        for (unsigned form = 0; form < 4; form++) {
            pc.accesses = 0;
            pc.rtc_seconds = times[i];
            pc.rtc_binary = form & 1;
            pc.rtc_12h = form & 2;
            pc.now += 1000000000000000UL - pc.now % 1000000000000000UL; /* as it is updated */
            assert_true(rtc_read(&seconds));
            assert_int_equal(seconds, 946684800 + times[i] + pc.now / 1000000000000000UL);
        }
}

/* Two digits: the byte for the century, whose place a FADT may tell, is nobody's. */
static void years_until_2069(void **state)
{
    static const struct {
        unsigned year;
        uint64_t begins;
    } years[] = { { 99, 915148800 }, { 26, 1767225600 }, { 69, 3124224000 }, { 70, 0 } };
    uint64_t seconds;

    (void)state;
    assert_true(clock_starts(true));
    for (unsigned i = 0; i < sizeof(years) / sizeof(*years); i++) {
        pc.rtc_year = years[i].year;
        assert_true(rtc_read(&seconds));
        assert_int_equal(seconds, years[i].begins + pc.now / 1000000000000000UL);
    }
}

static void a_clock_that_is_not_there_is_no_reason_to_stop(void **state)
{
    (void)state;
    pc.rtc = PC_ABSENT;
    assert_true(clock_starts(true));
    assert_int_equal(wall_seconds(), 0);
    reset(state);
    pc.rtc = PC_FROZEN; /* for ever at its update */
    assert_true(clock_starts(true));
    assert_int_equal(wall_seconds(), 0);
    reset(state);
    pc.rtc_blank = true; /* its battery was empty: day 0 of month 0 */
    assert_true(clock_starts(true));
    assert_int_equal(wall_seconds(), 0);
    reset(state);
    assert_true(clock_starts(false)); /* the firmware says so */
    assert_int_equal(wall_seconds(), 0);
    assert_true(clock_now() < 1000000000UL);
}

static void a_tsc_a_little_behind_is_not_far_ahead(void **state)
{
    (void)state;
    assert_true(clock_starts(true));
    pc.now = clock_scale.tsc_start * 1000000UL / 2500 * 1000; /* when the clock started */
    pc.now += 999UL * 1000000000; /* a millisecond later, less a microsecond */
    assert_true(clock_now() < 1000000);
}

/* What has to hold for each CPU, whatever state the firmware left its APIC in. */
static void expect_timer_works(void)
{
    lapic_init(pc_map(PC_LAPIC_PHYSICAL));
    lapic_enable();
    assert_int_equal(pc_lapic_vector(0x320) & 0x100ff, VECTOR_TIMER);
    assert_int_equal(pc_lapic_vector(0x350) & 0x10000, 0x10000);
    assert_int_equal(pc_lapic_vector(0x360) & 0x10000, 0x10000);
    lapic_nmi_pin(1, true);
    assert_int_equal(pc_lapic_vector(0x360), 0x2400);
    assert_int_equal(lapic_id(), pc.apic_id);
}

static void the_timers_vector_is_not_masked(void **state)
{
    (void)state;
    pc.apic_id = 7;
    expect_timer_works();
    pc.apic_base &= ~0x800UL; /* switched off altogether */
    expect_timer_works();
    cpu_features.tsc_deadline = true;
    expect_timer_works();
    lapic_timer_set(1000);
    assert_int_not_equal(pc_tsc_deadline(), 0);
}

static void x2apic_by_its_rules(void **state)
{
    (void)state;
    cpu_features.x2apic = true;
    pc.apic_id = 0x12345;
    expect_timer_works();
    assert_int_equal(pc.apic_base & 0xc00, 0xc00);
    expect_timer_works(); /* as the firmware may have left it */
}

/* Firmware of a K8 (revision F) and of a family 10h has let the halted processor stop its timer. */
static void timers_run_while_all_cores_halt(void **state)
{
    static const struct {
        uint32_t leaf_1_a;
        bool amd, kept;
    } kinds[] = { { 0x00040fb2, true, false }, /* K8, revision G */
                  { 0x00100f42, true, false },
                  { 0x00800f82, true, true }, /* family 17h has other states in that register */
                  { 0x00000f4a, false, true } /* Intel's of that number */ };

    (void)state;
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct pc_leaf leaves[] = { { 1, 0, { kinds[i].leaf_1_a, 0, 0, 0 } }, { ~0U, 0, { 0 } } };

        pc.leaves = leaves;
        cpu_features.amd = kinds[i].amd;
        pc.interrupt_pending = 0x1c010815;
        expect_timer_works();
        assert_int_equal(pc.interrupt_pending, kinds[i].kept ? 0x1c010815 : 0x04010815);
    }
}

/* A hypervisor below idles for us, and may not know the register. */
static void no_register_of_idle_states_in_a_guest(void **state)
{
    static const struct pc_leaf leaves[] = { { 1, 0, { 0x00100f42, 0, 1U << 31, 0 } },
                                             { ~0U, 0, { 0 } } };

    (void)state;
    pc.leaves = leaves;
    cpu_features.amd = true;
    expect_timer_works();
    pc.leaves = (const struct pc_leaf[]){ { 1, 0, { 0x00020f12, 0, 0, 0 } }, { ~0U, 0, { 0 } } };
    expect_timer_works(); /* K8 before revision F: nor does that one */
}

/* Tells IO-APICs as the MADT names them, each with what its version register claims. */
static void ioapic_found(unsigned which, unsigned lines, unsigned gsi_base)
{
    pc.ioapic[which].physical = 0xfec00000 + which * 0x1000UL;
    pc.ioapic[which].lines = lines;
    ioapic_add((uint8_t)which, pc.ioapic[which].physical, pc_map(pc.ioapic[which].physical),
               gsi_base);
}

static bool is_open(unsigned which, unsigned line)
{
    return !(pc_ioapic_line(which, line) & 0x10000);
}

/* In one go: the hypervisor never forgets one. */
static void interrupt_lines_have_one_owner(void **state)
{
    uint32_t version;

    (void)state;
    ioapic_found(0, 24, 0);
    ioapic_found(1, 64, 120); /* 32 of them fit before the next one */
    ioapic_found(2, 0, 24);   /* listed, but nobody is there */
    ioapic_found(3, 32, 152);
    ioapic_found(4, 64, 24); /* listed behind those above it: 64 claimed, 64 fit */
    ioapic_found(5, 8, 24);  /* where another one is */
    ioapic_found(6, 256, 248);
    assert_true(ioapic_has(23) && ioapic_has(24) && ioapic_has(87));
    assert_false(ioapic_has(88) || ioapic_has(119) || ioapic_has(184) || ioapic_has(247));
    assert_int_equal(ioapic_gsi_limit(), 248 + 120); /* there is no register for more */
    assert_int_equal(ioapic_read_register(0xfec02000, 1, &version), -EINVAL);
    assert_false(is_open(1, 40));
    ioapic_mask(160, false);
    assert_true(is_open(3, 8) && !is_open(1, 40));
    ioapic_mask(30, false);
    assert_true(is_open(4, 6) && !is_open(5, 6));
    ioapic_route(151, 77, 5, true, true);
    assert_int_equal(pc_ioapic_line(1, 31), 0x1a04d);
    ioapic_mask(100, false); /* nobody's */
}

static void timers_of_apics_are_measured(void **state)
{
    (void)state;
    assert_true(clock_starts(true));
    for (pc.apic_timer_hz = 25000000; pc.apic_timer_hz < 2000000000; pc.apic_timer_hz *= 3) {
        uint64_t wanted = pc.apic_timer_hz / 1000;

        expect_timer_works();
        lapic_timer_calibrate();
        lapic_timer_set(clock_now() + 1000000);
        assert_in_range(pc_lapic_timer(), wanted * 998 / 1000, wanted * 1002 / 1000);
    }
    cpu_features.tsc_deadline = true;
    expect_timer_works();
    lapic_timer_calibrate(); /* needs none of its registers */
    lapic_timer_set(clock_now() + 1000000);
    assert_int_not_equal(pc_tsc_deadline(), 0);
}

static void expect_printed(unsigned uart, const char *text)
{
    assert_int_equal(pc.printed_length[uart], strlen(text));
    assert_memory_equal(pc.printed[uart], text, strlen(text));
    pc.printed_length[uart] = 0;
}

static void serial_ports_wherever_they_are(void **state)
{
    (void)state;
    assert_true(serial_init(coms, 2));
    pc.printed_length[0] = 0;
    serial_write("a\n", 2);
    expect_printed(0, "a\r\n");
    assert_int_equal(serial_irq(), 4);
    pc.uart[0] = PC_ABSENT;
    pc.uart[1] = PC_WORKS;
    assert_true(serial_init(coms, 2));
    pc.printed_length[1] = 0;
    serial_write("b", 1);
    expect_printed(1, "b");
    assert_int_equal(serial_irq(), 3);
    pc.uart[1] = PC_ABSENT;
    assert_int_equal(serial_read(), -1);
    assert_false(serial_init(coms, 2));
    assert_int_equal(serial_read(), -1);
    serial_enable_interrupt();
    pc.uart[0] = pc.uart[1] = PC_WORKS;
    assert_true(serial_init(coms + 1, 1)); /* the second one is wanted */
    assert_int_equal(serial_base(), 0x2f8);
    assert_false(serial_init(coms, 0)); /* none is */
    assert_int_equal(serial_base(), 0);
}

static void a_port_that_takes_nothing_is_waited_for_once(void **state)
{
    char text[4096];
    uint64_t before;

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_true(serial_init(coms, 2));
    pc.printed_length[0] = 0;
    pc.uart[0] = PC_FROZEN;
    before = pc_milliseconds();
    for (unsigned i = 0; i < 100; i++)
        serial_write(text, sizeof(text));
    assert_true(pc_milliseconds() - before < 1000);
    pc.uart[0] = PC_WORKS;
    serial_write("again", 5);
    expect_printed(0, "again");
}

static void no_character_is_lost(void **state)
{
    static const char text[] =
        "as many characters as wait in a FIFO, and some more of them besides";

    (void)state;
    for (unsigned quick = 0; quick < 2; quick++) {
        pc.ports_are_quick = quick;
        for (unsigned baud = 1200; baud <= SERIAL_BAUD_MAX; baud *= baud == 1200 ? 8 : 12) {
            const struct serial_port port = { 0x3f8, 4, baud };

            pc.accesses = 0; /* slow, but not without end */
            assert_true(serial_init(&port, 1));
            pc.printed_length[0] = 0;
            serial_write(text, sizeof(text) - 1);
            expect_printed(0, text);
            assert_true(pc_unsent(0));
            serial_drain();
            assert_false(pc_unsent(0));
        }
    }
}

/* What the firmware's console runs at may be in no table: then who listens is at that speed. */
static void a_speed_that_stays(void **state)
{
    static const struct serial_port slow = { 0x3f8, 4, 300 }, kept = { 0x3f8, 4, SERIAL_BAUD_KEPT };

    (void)state;
    assert_true(serial_init(&slow, 1));
    assert_int_equal(pc_uart_divisor(0), 384);
    assert_true(serial_init(&kept, 1));
    assert_int_equal(pc_uart_divisor(0), 384);
    pc.printed_length[0] = 0;
    serial_write("as it was", 9);
    expect_printed(0, "as it was");
    assert_true(serial_init(coms, 1));
    assert_int_equal(pc_uart_divisor(0), SERIAL_BAUD_MAX / coms[0].baud);
}

static void iommus_go_off(void **state)
{
    volatile uint8_t *vtd = pc_map(PC_VTD_PHYSICAL), *amd = pc_map(PC_AMD_PHYSICAL);

    (void)state;
    assert_true(iommu_switch_off(vtd, false)); /* it was off */
    pc.vtd_status = 0xc7800000; /* translation, root pointer, queue, interrupts, table */
    pc.vtd_protected = 0x80000001;
    assert_true(iommu_switch_off(vtd, false));
    assert_int_equal(pc.vtd_status & 0x86000000, 0);
    assert_int_equal(pc.vtd_protected, 0);
    pc.amd_iommu_control = 0x3405;
    assert_true(iommu_switch_off(amd, true));
    assert_int_equal(pc.amd_iommu_control & 1, 0);
}

static void iommus_that_are_not_there(void **state)
{
    (void)state;
    pc.iommu_stuck = true;
    pc.vtd_status = pc.vtd_protected = pc.amd_iommu_control = UINT32_MAX;
    assert_true(iommu_switch_off(pc_map(PC_VTD_PHYSICAL), false));
    assert_true(iommu_switch_off(pc_map(PC_AMD_PHYSICAL), true));
}

static void iommus_that_stay_on(void **state)
{
    struct reference_timers t = timers();

    (void)state;
    clock_init(&t, false);
    pc.iommu_stuck = true;
    pc.vtd_status = 0x80000000;
    assert_false(iommu_switch_off(pc_map(PC_VTD_PHYSICAL), false));
    pc.vtd_status = 0;
    pc.vtd_protected = 0x80000001;
    assert_false(iommu_switch_off(pc_map(PC_VTD_PHYSICAL), false));
    pc.amd_iommu_control = 1;
    assert_false(iommu_switch_off(pc_map(PC_AMD_PHYSICAL), true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(any_timer_that_counts_will_do, reset),
        cmocka_unit_test_setup(counters_wrap_while_they_are_read, reset),
        cmocka_unit_test_setup(who_knows_the_rate_is_asked, reset),
        cmocka_unit_test_setup(without_any_timer_it_is_said, reset),
        cmocka_unit_test_setup(times_of_day_in_all_forms, reset),
        cmocka_unit_test_setup(years_until_2069, reset),
        cmocka_unit_test_setup(a_clock_that_is_not_there_is_no_reason_to_stop, reset),
        cmocka_unit_test_setup(a_tsc_a_little_behind_is_not_far_ahead, reset),
        cmocka_unit_test_setup(the_timers_vector_is_not_masked, reset),
        cmocka_unit_test_setup(x2apic_by_its_rules, reset),
        cmocka_unit_test_setup(timers_run_while_all_cores_halt, reset),
        cmocka_unit_test_setup(no_register_of_idle_states_in_a_guest, reset),
        cmocka_unit_test_setup(interrupt_lines_have_one_owner, reset),
        cmocka_unit_test_setup(timers_of_apics_are_measured, reset),
        cmocka_unit_test_setup(serial_ports_wherever_they_are, reset),
        cmocka_unit_test_setup(a_port_that_takes_nothing_is_waited_for_once, reset),
        cmocka_unit_test_setup(no_character_is_lost, reset),
        cmocka_unit_test_setup(a_speed_that_stays, reset),
        cmocka_unit_test_setup(iommus_go_off, reset),
        cmocka_unit_test_setup(iommus_that_are_not_there, reset),
        cmocka_unit_test_setup(iommus_that_stay_on, reset),
    };

    return cmocka_run_group_tests_name("pc-machine", tests, NULL, NULL);
}

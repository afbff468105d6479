/*
 * Machine checks and NMIs on the model of the PC: which of the former end the machine, that nothing
 * is lost, and who is to blame for the latter.
 *
 * Sources: tests/pc/pc.c tests/pc/timers.c tests/pc/lapic.c tests/pc/uarts.c tests/pc/iommus.c
 * Sources: tests/pc/ioapics.c
 * Sources: hypervisor/machine/machine-check.c hypervisor/machine/nmi.c
 *
 * Flags: -Itests/pc/in-place -Itests/pc -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "lib/bits.h"
#include "lib/log.h"
#include "machine/cpu-features.h"
#include "machine/machine-check.h"
#include "machine/nmi.h"
#include "machine/per-cpu.h"
#include "pc.h"

#define CTL_THERE   BIT(8)
#define TELLS_S     BIT(24)
#define RESTART     5 /* RIPV, MCIP */
#define VALID       BIT(63)
#define UNCORRECTED BIT(61)
#define ENABLED     BIT(60)
#define ADDRESS     BIT(58)
#define CORRUPT     BIT(57)
#define SIGNALLED   BIT(56)
#define ACTION      BIT(55)
#define OPTIONAL    (VALID | UNCORRECTED | ENABLED | ADDRESS | SIGNALLED)

struct cpu_features cpu_features;
static struct cpu cpu = { .id = 3 };
static unsigned lines;
static char last[256];

struct cpu *this_cpu(void)
{
    return &cpu;
}

void cpu_wait_step(void)
{
    cpu_pause();
}

void log_print(enum log_level level, const char *format, ...)
{
    va_list args;

    (void)level;
    va_start(args, format);
    vsnprintf(last, sizeof(last), format, args);
    va_end(args);
    lines++;
}

static int reset(void **state)
{
    (void)state;
    pc_reset();
    memset(&cpu_features, 0, sizeof(cpu_features));
    cpu_features.machine_checks = true;
    pc.mcg_cap = 10 | CTL_THERE | TELLS_S;
    machine_check_tell();
    lines = 0;
    return 0;
}

static bool survives(unsigned bank, uint64_t status)
{
    pc.mcg_status = RESTART;
    pc.mca[bank][1] = status;
    pc.mca[bank][2] = 0x12345000;
    return machine_check_survived();
}

static void banks_are_armed(void **state)
{
    (void)state;
    machine_check_init();
    for (unsigned i = 0; i < 10; i++)
        assert_true(pc.mca[i][0] == UINT64_MAX && pc.mca[i][1] == 0);
    assert_int_equal(lines, 0);
    pc.mca[4][1] = OPTIONAL;
    pc.mca[4][2] = 0xfee1dead000;
    machine_check_init();
    assert_int_equal(lines, 2);
    assert_non_null(strstr(last, "bank 4"));
    assert_non_null(strstr(last, "fee1dead000"));
    assert_int_equal(pc.mca[4][1], 0);
}

static uint64_t armed(bool amd, uint32_t signature, unsigned bank)
{
    struct pc_leaf leaves[] = { { 1, 0, { signature, 0, 0, 0 } }, { ~0U, 0, { 0 } } };

    pc.leaves = leaves;
    cpu_features.amd = amd;
    memset(pc.mca, 0, sizeof(pc.mca));
    machine_check_init();
    return pc.mca[bank][0];
}

/* SDM volume 3, 16.3.2.1; family 0fh's guide, 5.6.4.2. */
static void banks_that_are_left_alone(void **state)
{
    (void)state;
    assert_int_equal(armed(false, 0x10676, 0), 0); /* Core 2: its bank 0 is the chip set's */
    assert_int_equal(armed(false, 0x10676, 1), UINT64_MAX);
    assert_int_equal(armed(false, 0x106a5, 0), UINT64_MAX);  /* Nehalem */
    assert_int_equal(armed(true, 0x60fb2, 4), ~(1UL << 10)); /* K8 */
    assert_int_equal(armed(true, 0x60fb2, 0), UINT64_MAX);
    assert_int_equal(armed(true, 0x100f42, 4), UINT64_MAX); /* family 10h */
    assert_int_equal(armed(false, 0xf43, 4), UINT64_MAX);   /* Intel's family 0fh */
}

static void machines_without(void **state)
{
    (void)state;
    cpu_features.machine_checks = false;
    pc.mcg_cap = 0; /* the MSRs are not there */
    machine_check_init();
    assert_false(machine_check_survived());
    cpu_features.machine_checks = true;
    pc.mcg_cap = 2; /* no MCG_CTL */
    machine_check_init();
    assert_int_equal(pc.mca[1][0], UINT64_MAX);
}

static void what_nobody_was_about_to_use(void **state)
{
    (void)state;
    assert_true(survives(7, OPTIONAL));
    assert_int_equal(pc.mca[7][1], 0);
    assert_int_equal(pc.mcg_status, 0); /* or the next one ends the machine */
    assert_int_equal(lines, 0);         /* the log's lock may be held */
    machine_check_tell();
    assert_int_equal(lines, 1);
    assert_non_null(strstr(last, "CPU 3"));
    assert_non_null(strstr(last, "bank 7"));
    assert_non_null(strstr(last, "12345000"));
    machine_check_tell();
    assert_int_equal(lines, 1);
    assert_true(survives(2, VALID | ENABLED));
    /* Another CPU's, told to all. */
    assert_true(survives(2, 0));
}

static void what_ends_the_machine(void **state)
{
    (void)state;
    assert_false(survives(1, OPTIONAL | ACTION));
    assert_int_equal(pc.mca[1][1], OPTIONAL | ACTION); /* for the firmware */
    machine_check_tell();
    assert_non_null(strstr(last, "bank 1"));
    reset(NULL);
    assert_false(survives(1, VALID | CORRUPT));
    reset(NULL);
    assert_false(survives(1, VALID | UNCORRECTED | ENABLED)); /* not signalled, and yet it came */
    reset(NULL);
    pc.mca[5][1] = OPTIONAL;
    assert_false(survives(1, OPTIONAL | ACTION));
    assert_int_equal(pc.mca[5][1], OPTIONAL);
    reset(NULL);
    pc.mcg_cap &= ~(uint64_t)TELLS_S; /* then these bits say nothing */
    assert_false(survives(1, OPTIONAL));
    reset(NULL);
    pc.mcg_status = 4;
    assert_false(machine_check_survived()); /* it cannot go on where it was */
}

/* Nobody is told of them; another one's exception finds them. */
static void what_was_found_meanwhile(void **state)
{
    (void)state;
    pc.mca[3][1] = VALID | UNCORRECTED | ENABLED;
    assert_true(survives(7, OPTIONAL));
    assert_int_equal(pc.mca[3][1], 0);
    pc.mca[3][1] = VALID | UNCORRECTED | ENABLED | CORRUPT;
    assert_false(survives(7, OPTIONAL));
}

/* Behind 32 banks other MSRs begin, whatever the count says. */
static void more_banks_than_there_are_registers_for(void **state)
{
    (void)state;
    pc.mcg_cap = 40 | CTL_THERE | TELLS_S;
    machine_check_init();
    assert_int_equal(pc.mca[31][0], UINT64_MAX);
    assert_int_equal(pc.mca[32][0], 0);
    assert_true(survives(31, OPTIONAL));
    pc.mca[0][1] = VALID;
    assert_false(survives(7, OPTIONAL | ACTION));
    machine_check_tell_all();
    assert_non_null(strstr(last, "bank 7"));
}

static void why_there_was_an_nmi(void **state)
{
    (void)state;
    port_outb(0x61, 1); /* the timer's gate stays as it is */
    assert_non_null(strstr(nmi_cause(), "nobody"));
    pc.nmi_status = 0x80;
    assert_non_null(strstr(nmi_cause(), "SERR"));
    assert_int_equal(pc.nmi_status, 0);
    pc.nmi_status = 0x40;
    assert_non_null(strstr(nmi_cause(), "IOCHK"));
    assert_int_equal(pc.nmi_status, 0);
    assert_int_equal(port_inb(0x61) & 0xf, 1); /* the next one is seen again */
    pc.pit = PC_ABSENT;
    assert_non_null(strstr(nmi_cause(), "nobody"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(banks_are_armed, reset),
        cmocka_unit_test_setup(banks_that_are_left_alone, reset),
        cmocka_unit_test_setup(machines_without, reset),
        cmocka_unit_test_setup(what_nobody_was_about_to_use, reset),
        cmocka_unit_test_setup(what_ends_the_machine, reset),
        cmocka_unit_test_setup(what_was_found_meanwhile, reset),
        cmocka_unit_test_setup(more_banks_than_there_are_registers_for, reset),
        cmocka_unit_test_setup(why_there_was_an_nmi, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * What one guest's FPU leaves for the next one: on processors that neither save nor restore the
 * pointers to the last x87 instruction and its operand, nothing (XSA-52).
 *
 * The host has other processors.  So the restoring instruction itself is taken out: the area lies
 * where it may not, the instruction faults, and the handler goes on behind it, as behind CLTS.
 * What is in the pointers then is what such a processor would show the guest.
 *
 * Sources: hypervisor/machine/fpu.c
 *
 * Flags: -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>
#include <cmocka.h>
#include "machine/cpu-features.h"
#include "machine/fpu.h"

struct cpu_features cpu_features;

static unsigned faults, fpu_exceptions;
static uint8_t area[1024] __attribute__((aligned(64)));
#define MISPLACED (area + 1)

/* clts: 0f 06; xrstor64: 48 0f ae 28 to 2f; fxrstor64: 48 0f ae 08 to 0f. */
static void go_on_behind(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const uint8_t *at = (const uint8_t *)registers[REG_RIP];

    (void)info;
    if (number == SIGFPE) { /* an exception of the last guest's, in the hypervisor: ends it */
        fpu_exceptions++;
        ((ucontext_t *)context)->uc_mcontext.fpregs->cwd |= 0x3f;
        ((ucontext_t *)context)->uc_mcontext.fpregs->swd = 0;
        return;
    }
    if (at[0] == 0x0f && at[1] == 0x06) {
        registers[REG_RIP] += 2;
    } else if (at[0] == 0x48 && at[1] == 0x0f && at[2] == 0xae) {
        registers[REG_RIP] += at[3] >> 6 == 1 ? 5 : at[3] >> 6 == 2 ? 8 : 4;
        faults++;
    } else {
        signal(number, SIG_DFL); /* a fault of the test's own */
    }
}

/* In each case: the frame of the tests has handlers of its own. */
static void handlers_up(void)
{
    struct sigaction action = { .sa_sigaction = go_on_behind, .sa_flags = SA_SIGINFO };

    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGFPE, &action, NULL);
}

struct environment { /* FNSTENV's, the 32-bit form */
    uint32_t control, status, tag, instruction, opcode, operand, selector;
};

static void environment_store(struct environment *e)
{
    __asm__ volatile("fnstenv %0\n\tfldenv %0" : "=m"(*e));
}

/* An x87 instruction with an operand; where the last one was is its guest's secret. */
static __attribute__((noinline)) void run_guest(const float *operand)
{
    __asm__ volatile("fninit\n\tflds %0" : : "m"(*operand));
}

static void pointers_do_not_go_to_the_next_guest(void **state)
{
    static const float secret = 1.5f;
    struct environment before, after;

    (void)state;
    handlers_up();
    cpu_features = (struct cpu_features){ .xsave = true, .fpu_pointers_kept = false };
    run_guest(&secret);
    environment_store(&before);
    assert_int_not_equal(before.instruction, 0);
    run_guest(&secret);
    faults = 0;
    fpu_restore(MISPLACED);
    environment_store(&after);
    assert_int_equal(faults, 1);
    assert_int_not_equal(after.instruction, before.instruction);
    if (before.operand == (uint32_t)(uintptr_t)&secret) /* this host keeps operands too */
        assert_int_not_equal(after.operand, before.operand);
    assert_int_not_equal(after.operand, (uint32_t)(uintptr_t)&secret);
}

/* The same where FXSAVE is all there is. */
static void nor_without_xsave(void **state)
{
    static const float secret = 2.5f;
    struct environment before, after;

    (void)state;
    handlers_up();
    cpu_features = (struct cpu_features){ .xsave = false, .fpu_pointers_kept = false };
    run_guest(&secret);
    environment_store(&before);
    run_guest(&secret);
    faults = 0;
    fpu_restore(MISPLACED);
    environment_store(&after);
    assert_int_equal(faults, 1);
    assert_int_not_equal(after.instruction, before.instruction);
}

/* A guest that leaves with an exception pending does not have it happen in the hypervisor. */
static void a_pending_exception_stays_the_guests(void **state)
{
    const uint16_t unmasked = 0x340;

    (void)state;
    handlers_up();
    cpu_features = (struct cpu_features){ .xsave = true, .fpu_pointers_kept = false };
    fpu_exceptions = 0;
    __asm__ volatile("fninit\n\tfldcw %0\n\tfldz\n\tfld1\n\tfdivp" : : "m"(unmasked));
    fpu_restore(MISPLACED);
    __asm__ volatile("fninit");
    assert_int_equal(fpu_exceptions, 0);
}

/* What fpu_restore does here, but for the pointers: on some hosts (AMD's) those do not survive that
 * the kernel saves and restores them around a signal. */
static void two_faults(void)
{
    __asm__ volatile("clts");
    __asm__ volatile("xrstor64 (%0)" : : "S"(MISPLACED), "a"(-1), "d"(-1) : "memory");
}

/* Where the processor does it by itself, the registers are left alone until they are restored. */
static void a_processor_that_restores_them_is_left_alone(void **state)
{
    static const float operand = 1.5f;
    struct environment before, after;

    (void)state;
    handlers_up();
    cpu_features = (struct cpu_features){ .xsave = true, .fpu_pointers_kept = true };
    run_guest(&operand);
    two_faults();
    environment_store(&before);
    run_guest(&operand);
    fpu_restore(MISPLACED);
    environment_store(&after);
    assert_int_equal(after.instruction, before.instruction);
}

/* What goes in comes out, but for the bits of MXCSR that would fault. */
static void a_context_keeps_its_registers(void **state)
{
    uint8_t image[512], out[512];

    (void)state;
    cpu_features = (struct cpu_features){ .xsave = true, .xsave_bytes = 832 };
    memset(image, 0xa5, sizeof(image));
    fpu_area_import(area, image);
    assert_int_equal(*(uint32_t *)(area + 24), 0xa5a5a5a5 & 0xffbf);
    assert_int_equal(*(uint64_t *)(area + 512), 3);
    fpu_area_export(area, out);
    memcpy(image + 24, area + 24, 4);
    assert_memory_equal(out, image, 416);
    for (unsigned i = 416; i < 512; i++)
        assert_int_equal(out[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers_do_not_go_to_the_next_guest),
        cmocka_unit_test(nor_without_xsave),
        cmocka_unit_test(a_pending_exception_stays_the_guests),
        cmocka_unit_test(a_processor_that_restores_them_is_left_alone),
        cmocka_unit_test(a_context_keeps_its_registers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

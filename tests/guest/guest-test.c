/*
 * The frame: counting, catching exceptions, and the audit at the end.
 */
#include "guest-test.h"
#include "pv-kernel/page-tables.h"
#include "pv-kernel/traps.h"
#include "hypercall-abi/paravane.h"

static unsigned int passed, failed;
static volatile bool catching;
static volatile int caught;
static volatile uint64_t caught_error;
static void *resume[5]; /* for __builtin_longjmp */

void check(const char *name, int64_t got, int64_t want)
{
    if (got == want) {
        passed++;
        kprintf("ok %s\n", name);
    } else {
        failed++;
        kprintf("FAIL %s: got %ld, want %ld\n", name, got, want);
    }
}

void check_mode(const char *name, int64_t got, int64_t want, int64_t want_translated)
{
    check(name, got, page_tables_translated() ? want_translated : want);
}

void check_true(const char *name, bool good)
{
    check(name, good, 1);
}

void value(const char *name, int64_t v)
{
    kprintf("value %s %ld\n", name, v);
}

static void back(void)
{
    __builtin_longjmp(resume, 1);
}

static bool on_trap(struct trap_frame *frame)
{
    if (!catching)
        return false;
    catching = false;
    caught = (int)frame->vector;
    caught_error = frame->error_code;
    frame->rip = (uint64_t)(uintptr_t)back;
    frame->rsp = (frame->rsp & ~15UL) - 136; /* as after a call, below what it was using */
    frame->rflags &= ~0x40500UL;             /* AC, DF, TF */
    return true;
}

int trapped(void (*fn)(void))
{
    for (unsigned int vector = 0; vector < 32; vector++)
        trap_set_handler(vector, on_trap);
    caught = -1;
    if (!__builtin_setjmp(resume)) {
        catching = true;
        fn();
    }
    catching = false;
    return caught;
}

uint64_t trapped_error_code(void)
{
    return caught_error;
}

static void audit(void)
{
    struct paravane_audit result = { .domid = DOMID_SELF };
    int64_t version = hypercall_paravane_op(PARAVANEOP_interface_version, 0);

    if (version < 0 || !kernel_is_initial_domain())
        return; /* another hypervisor; or dom0 asks once we are through */
    if (hypercall_paravane_op(PARAVANEOP_audit, HYPERCALL_ARG(&result)) || result.differences) {
        failed++;
        kprintf("AUDIT: %lu of %lu frames differ\n", result.differences, result.frames);
    }
}

void guest_main(struct start_info *si)
{
    (void)si;
    kprintf("guest-test: %s\n", kernel_is_initial_domain() ? "initial domain" : "guest");
    guest_test();
    audit();
    kprintf("guest-test: %u ok, %u failed\n", passed, failed);
    kprintf("paravane-script: exit %d\n", failed ? 1 : 0);
}

/*
 * Two vCPUs that do the same thing at once, and what a guest does to its own grants and roots.
 * Run by tests/system/test_hostile.py: each case says that it ran to its end, and "bad" if what it
 * saw cannot be.
 */
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/errno.h"
#include "hypercall-abi/events.h"
#include "hypercall-abi/grants.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/memory.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/sched.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/own-grants.h"
#include "pv-kernel/page-tables.h"
#include "pv-kernel/print.h"
#include "tests/vcpu-context.h"

#define ROUNDS     150
#define VCPUS      16
#define FIRST_IDLE 2 /* vCPUs 0 and 1 run; the others are there to be initialised */

static struct vcpu_guest_context context;
static void (*volatile job)(void);
static volatile unsigned int arrived;
static volatile unsigned int rounds, others_rounds;
static volatile unsigned int victim;
static volatile int64_t answers[2];
static void *frame; /* what both are at */

static void expect(const char *what, bool good)
{
    if (!good)
        kprintf("hostile: bad: %s\n", what);
}

/* On vCPU 1, events masked: whatever it is told. */
static void second(void)
{
    for (;;) {
        while (!job)
            hypercall_sched_op(SCHEDOP_yield, 0);
        job();
        job = NULL;
    }
}

/* Both go on when both are here. */
static void meet(void)
{
    unsigned int round = __atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);

    while (arrived < round + round % 2)
        hypercall_sched_op(SCHEDOP_yield, 0);
}

static void both(void (*mine)(void), void (*its)(void))
{
    job = its;
    mine();
    while (job)
        hypercall_sched_op(SCHEDOP_yield, 0);
}

static void initialise_here(unsigned int who)
{
    for (unsigned int v = FIRST_IDLE; v < VCPUS; v++) {
        meet();
        answers[who] = hypercall_vcpu_op(VCPUOP_initialise, v, HYPERCALL_ARG(&context));
        meet();
        if (who)
            continue;
        expect("one of two initialises", (answers[0] == 0 && answers[1] == -XEN_EEXIST) ||
                                             (answers[1] == 0 && answers[0] == -XEN_EEXIST));
    }
}

static void initialise_first(void)
{
    initialise_here(0);
}

static void initialise_second(void)
{
    initialise_here(1);
}

/* With a table of descriptors, which the later one would free under the earlier. */
static void initialise(void)
{
    void *descriptors = frames_alloc(0);

    expect("protect", page_tables_protect(descriptors, false) == 0);
    context.gdt_frames[0] = frames_virt_to_mfn(descriptors);
    context.gdt_ents = 512;
    both(initialise_first, initialise_second);
    expect("descriptors are held", page_tables_protect(descriptors, true) != 0);
}

static int64_t pin_op(unsigned int cmd)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = frames_virt_to_mfn(frame) };

    return hypercall_mmuext_op(HYPERCALL_ARG(&op), 1, 0, DOMID_SELF);
}

static void pin_low(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        rounds += pin_op(MMUEXT_PIN_L1_TABLE + (unsigned int)i % 2) == 0;
        pin_op(MMUEXT_UNPIN_TABLE);
    }
}

static void pin_high(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        others_rounds += pin_op(MMUEXT_PIN_L3_TABLE + (unsigned int)i % 2) == 0;
        pin_op(MMUEXT_UNPIN_TABLE);
    }
}

static void pin_levels(void)
{
    frame = frames_alloc(0);
    rounds = others_rounds = 0;
    expect("protect", page_tables_protect(frame, false) == 0);
    both(pin_low, pin_high);
    /* One may have lost its CPU with its pin held, all the while the other tried. */
    expect("pins succeed", rounds + others_rounds > 0);
    pin_op(MMUEXT_UNPIN_TABLE);
    expect("nothing holds it", page_tables_protect(frame, true) == 0);
}

static void set_and_stop(unsigned int other)
{
    struct vcpu_set_periodic_timer p = { .period_ns = 1000000 };

    for (int i = 0; i < ROUNDS; i++) {
        p.period_ns = 1000000 + (uint64_t)i % 7;
        hypercall_vcpu_op(VCPUOP_set_periodic_timer, other, HYPERCALL_ARG(&p));
        hypercall_vcpu_op(VCPUOP_set_periodic_timer, !other, HYPERCALL_ARG(&p));
        hypercall_vcpu_op(VCPUOP_stop_periodic_timer, i % 3 ? other : !other, 0);
        hypercall_set_timer_op(i % 5 ? 1 : 0);
    }
    hypercall_vcpu_op(VCPUOP_stop_periodic_timer, other, 0);
    hypercall_set_timer_op(0);
}

static void timers_first(void)
{
    set_and_stop(1);
}

static void timers_second(void)
{
    set_and_stop(0);
}

static void timers(void)
{
    both(timers_first, timers_second);
    expect("stop", hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, 0) == 0);
    expect("stop", hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 1, 0) == 0);
}

/* A frame that is writable and an L1 table by turns: each change asks for a flush. */
static void flip_one(void *page)
{
    struct mmuext_op pin = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = frames_virt_to_mfn(page) };
    struct mmuext_op unpin = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = pin.arg1.mfn };

    for (int i = 0; i < ROUNDS; i++) {
        *(volatile uint64_t *)page = 0;
        expect("protect", page_tables_protect(page, false) == 0);
        expect("pin", hypercall_mmuext_op(HYPERCALL_ARG(&pin), 1, 0, DOMID_SELF) == 0);
        expect("not writable", i % 64 || page_tables_protect(page, true) != 0);
        expect("unpin", hypercall_mmuext_op(HYPERCALL_ARG(&unpin), 1, 0, DOMID_SELF) == 0);
        expect("writable", page_tables_protect(page, true) == 0);
    }
}

static void flip_first(void)
{
    flip_one(frames_alloc(0));
}

static void flip_second(void)
{
    flip_one(frame);
}

static void flips(void)
{
    frame = frames_alloc(0);
    both(flip_first, flip_second);
}

static uint16_t find_own_id(void)
{
    struct evtchn_status status = { .dom = DOMID_SELF };
    evtchn_port_t a, b;

    event_port_alloc_unbound(DOMID_SELF, DOMID_SELF, &a);
    event_port_bind_interdomain(DOMID_SELF, a, &b);
    status.port = b;
    hypercall_event_channel_op(EVTCHNOP_status, HYPERCALL_ARG(&status));
    event_port_close(b);
    event_port_close(a);
    return status.u.interdomain.dom;
}

static int unmap(uint64_t address, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref op = { .host_addr = address, .handle = handle };

    hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, HYPERCALL_ARG(&op), 1);
    return op.status;
}

/* The grant is given back with its mapping, and not before. */
static void own_grant(void)
{
    void *page = frames_alloc(0), *va = mapping_area_reserve(2);
    struct gnttab_map_grant_ref map = { .host_addr = (uint64_t)va, .flags = GNTMAP_host_map };
    uint64_t mfn = frames_virt_to_mfn(page);
    size_t done;

    map.dom = find_own_id();
    expect("give", grant_access_give(map.dom, mfn, false, &map.ref) == 0);
    hypercall_grant_table_op(GNTTABOP_map_grant_ref, HYPERCALL_ARG(&map), 1);
    expect("map", map.status == GNTST_okay);
    unmap(0, map.handle);
    expect("held after no address", grant_access_end(map.ref) == -XEN_EBUSY);
    unmap((uint64_t)va + PAGE_SIZE, map.handle);
    /* The same frame, mapped by us: not what the handle is for. */
    expect("own",
           page_tables_map((char *)va + PAGE_SIZE, &mfn, 1, PTE_KERNEL, DOMID_SELF, &done) == 0);
    unmap((uint64_t)va + PAGE_SIZE, map.handle);
    expect("held after a wrong address", grant_access_end(map.ref) == -XEN_EBUSY);
    *(volatile uint64_t *)va = 1;
    expect("unmap", unmap((uint64_t)va, map.handle) == GNTST_okay);
    expect("end", grant_access_end(map.ref) == 0);
    page_tables_unmap((char *)va + PAGE_SIZE, 1);
}

/* A pinned tree whose root is given away: it must come back when we are gone. */
static void pinned_root(void)
{
    uint64_t *table[4], mfn;
    struct xen_memory_reservation res = { .extent_start = HYPERCALL_ARG(&mfn),
                                          .nr_extents = 1,
                                          .domid = DOMID_SELF };

    for (int i = 0; i < 4; i++) {
        table[i] = frames_alloc(0);
        if (i)
            table[i][3] = frames_virt_to_machine(table[i - 1]) | PTE_PRESENT | PTE_WRITE | PTE_USER;
        expect("protect", page_tables_protect(table[i], false) == 0);
    }
    frame = table[3];
    expect("pin", pin_op(MMUEXT_PIN_L4_TABLE) == 0);
    for (int i = 3; i >= 0; i--) {
        mfn = frames_virt_to_mfn(table[i]);
        hypercall_memory_op(XENMEM_decrease_reservation, HYPERCALL_ARG(&res));
    }
}

void guest_main(struct start_info *si)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {
        { "initialise", initialise }, { "pin-levels", pin_levels }, { "timers", timers },
        { "flips", flips },           { "own-grant", own_grant },   { "pinned-root", pinned_root },
    };

    (void)si;
    vcpu_context_fill(&context, second, frames_alloc(2), 4 * PAGE_SIZE);
    expect("vCPU 1", hypercall_vcpu_op(VCPUOP_initialise, 1, HYPERCALL_ARG(&context)) == 0);
    expect("vCPU 1 up", hypercall_vcpu_op(VCPUOP_up, 1, 0) == 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cases[i].run();
        kprintf("hostile: %s done\n", cases[i].name);
    }
    kernel_shutdown(SHUTDOWN_poweroff);
}

/*
 * Every time, size, count and index a guest hands over, at the edges of arithmetic.  Nothing has
 * to succeed: the clock goes on, nobody else notices, and this guest comes to its end.
 */
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/events.h"
#include "hypercall-abi/grants.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/memory.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/sched.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/page-tables.h"
#include "pv-kernel/print.h"

#define AROUND(x) (x) - 1, (x), (x) + 1

static const uint64_t edges[] = {
    0, 1, AROUND(1ULL << 31), AROUND(1ULL << 32), AROUND(1ULL << 62), AROUND(1ULL << 63), ~0ULL,
};
#define EDGES (sizeof(edges) / sizeof(edges[0]))

#define FLUSHES_NS     500000000UL
#define FLUSH_PRICE_NS 1000000UL

/* A page with nothing behind it: a list at its end is as long as it says, and not longer. */
static char *page;

static void expect(const char *what, bool good)
{
    if (!good)
        kprintf("hostile: bad: %s\n", what);
}

static void page_make(void)
{
    void *own = frames_alloc(0);
    uint64_t mfn = frames_virt_to_mfn(own);
    size_t done;

    page = mapping_area_reserve(2);
    expect("a page", page_tables_map(page, &mfn, 1, PTE_KERNEL, DOMID_SELF, &done) == 0);
}

/* The last `bytes` of the page, cleared. */
static void *tail(size_t bytes)
{
    for (size_t i = 0; i < PAGE_SIZE; i++)
        page[i] = 0;
    return page + PAGE_SIZE - bytes;
}

/* Woken by the periodic timer if by nothing else. */
static void sleep_until(uint64_t timeout)
{
    struct sched_poll poll = { .timeout = timeout };

    hypercall_sched_op(SCHEDOP_poll, HYPERCALL_ARG(&poll));
}

static void periodic(uint64_t ns)
{
    struct vcpu_set_periodic_timer p = { .period_ns = ns };

    hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, HYPERCALL_ARG(&p));
}

static void clock_goes_on(void)
{
    uint64_t before = clock_monotonic_ns();

    periodic(1000000);
    for (int i = 0; i < 3; i++)
        sleep_until(clock_monotonic_ns() + 100000);
    expect("the clock goes on", clock_monotonic_ns() > before);
}

static void tick(evtchn_port_t port, void *arg)
{
    (void)port;
    (void)arg;
}

static void times(void)
{
    struct vcpu_set_singleshot_timer s;

    for (size_t i = 0; i < EDGES; i++)
        for (uint64_t base = 0; base < 2; base++) {
            uint64_t t = edges[i] + base * clock_monotonic_ns();

            hypercall_set_timer_op(t);
            clock_goes_on();
            for (s.flags = 0; s.flags < 2; s.flags++) {
                s.timeout_abs_ns = t;
                hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, HYPERCALL_ARG(&s));
                clock_goes_on();
            }
            periodic(t);
            hypercall_sched_op(SCHEDOP_yield, 0);
            periodic(1000000);
            sleep_until(t);
        }
    hypercall_set_timer_op(0);
    clock_goes_on();
}

static void memory(void)
{
    static const unsigned int ops[] = { XENMEM_increase_reservation, XENMEM_decrease_reservation,
                                        XENMEM_populate_physmap };
    struct xen_memory_reservation *res;

    for (size_t op = 0; op < 3; op++)
        for (size_t i = 0; i < EDGES; i++)
            for (size_t k = 0; k < EDGES; k++) {
                uint64_t start = k % 2 ? edges[k] << MEMOP_EXTENT_SHIFT : 0;

                res = tail(sizeof(*res));
                *res = (struct xen_memory_reservation){ .extent_start = (uint64_t)page,
                                                        .nr_extents = edges[i],
                                                        .extent_order = (uint32_t)edges[k],
                                                        .domid = DOMID_SELF };
                hypercall_memory_op(ops[op] | start, HYPERCALL_ARG(res));
                res->mem_flags = (uint32_t)edges[k];
                res->extent_order = 0;
                hypercall_memory_op(ops[op], HYPERCALL_ARG(res));
            }
}

static void orders(void)
{
    struct xen_memory_reservation res = { .nr_extents = 1, .domid = DOMID_SELF };
    static uint64_t frames[512];

    res.extent_start = HYPERCALL_ARG(frames);
    for (res.extent_order = 0; res.extent_order < 256; res.extent_order++) {
        frames[0] = 0;
        hypercall_memory_op(XENMEM_populate_physmap, HYPERCALL_ARG(&res));
        hypercall_memory_op(XENMEM_decrease_reservation, HYPERCALL_ARG(&res));
    }
}

/* Four calls, updates and operations that are harmless, and counts that say there are more. */
static void counts(void)
{
    for (size_t i = 0; i < EDGES; i++) {
        struct multicall_entry *calls = tail(4 * sizeof(*calls));

        for (int k = 0; k < 4; k++)
            calls[k].op = HYPERCALL_NR_xen_version;
        hypercall_multicall(HYPERCALL_ARG(calls), edges[i]);

        struct mmu_update *updates = tail(4 * sizeof(*updates));
        uint64_t own = frames_virt_to_machine(page_tables_mapped_frame(page));

        for (int k = 0; k < 4; k++)
            updates[k].ptr = own;
        hypercall_mmu_update(HYPERCALL_ARG(updates), edges[i], 0, DOMID_SELF);

        struct mmuext_op *operations = tail(4 * sizeof(*operations));

        for (int k = 0; k < 4; k++)
            operations[k].cmd = MMUEXT_TLB_FLUSH_LOCAL;
        hypercall_mmuext_op(HYPERCALL_ARG(operations), edges[i], 0, DOMID_SELF);
        for (unsigned int op = 0; op < 16; op++)
            hypercall_grant_table_op(op, HYPERCALL_ARG(tail(64)), edges[i]);
        for (unsigned int op = 0; op < 16; op++)
            hypercall_grant_table_op(edges[i], HYPERCALL_ARG(tail(64)), op);
    }
}

static void descriptors(void)
{
    for (size_t i = 0; i < EDGES; i++) {
        for (size_t k = 0; k < EDGES; k++) {
            struct mmuext_op ldt = { .cmd = MMUEXT_SET_LDT,
                                     .arg1.linear_addr = edges[k] & ~(PAGE_SIZE - 1),
                                     .arg2.nr_ents = (uint32_t)edges[i] };

            hypercall_mmuext_op(HYPERCALL_ARG(&ldt), 1, 0, DOMID_SELF);
            ldt.arg1.linear_addr = (uint64_t)page;
            hypercall_mmuext_op(HYPERCALL_ARG(&ldt), 1, 0, DOMID_SELF);
            hypercall_update_descriptor(edges[i], edges[k]);
            hypercall_set_debugreg(edges[i], edges[k]);
            hypercall_get_debugreg(edges[i]);
            hypercall_vm_assist(edges[i] & ~1ULL, edges[k] | 1ULL << 31);
        }
        *(uint64_t *)tail(8) = edges[i];
        hypercall_set_gdt(HYPERCALL_ARG(page + PAGE_SIZE - 8), edges[i]);
    }
}

/* send, status, bind_vcpu, binds: any port, any vCPU, any virtual interrupt. */
static void ports(void)
{
    for (size_t i = 0; i < EDGES; i++)
        for (size_t k = 0; k < EDGES; k++) {
            uint32_t first = (uint32_t)edges[i], second = (uint32_t)edges[k];
            struct evtchn_send send = { .port = first };
            struct evtchn_status status = { .dom = DOMID_SELF, .port = first };
            struct evtchn_bind_vcpu vcpu = { .port = first, .vcpu = second };
            struct evtchn_bind_virq virq = { .virq = first, .vcpu = second };
            struct evtchn_bind_ipi ipi = { .vcpu = first };
            struct evtchn_bind_interdomain remote = { .remote_dom = DOMID_SELF,
                                                      .remote_port = second };

            hypercall_event_channel_op(EVTCHNOP_send, HYPERCALL_ARG(&send));
            hypercall_event_channel_op(EVTCHNOP_unmask, HYPERCALL_ARG(&send));
            hypercall_event_channel_op(EVTCHNOP_status, HYPERCALL_ARG(&status));
            hypercall_event_channel_op(EVTCHNOP_bind_vcpu, HYPERCALL_ARG(&vcpu));
            hypercall_event_channel_op(EVTCHNOP_bind_virq, HYPERCALL_ARG(&virq));
            hypercall_event_channel_op(EVTCHNOP_bind_ipi, HYPERCALL_ARG(&ipi));
            hypercall_event_channel_op(EVTCHNOP_bind_interdomain, HYPERCALL_ARG(&remote));
            hypercall_vcpu_op(VCPUOP_is_up, edges[i], edges[k]);
            if (first > 2)
                hypercall_event_channel_op(EVTCHNOP_close, HYPERCALL_ARG(&send));
        }
    for (size_t i = 0; i < EDGES; i++) {
        struct sched_poll *poll = tail(sizeof(*poll));

        *poll = (struct sched_poll){ .ports = (uint64_t)page,
                                     .nr_ports = (uint32_t)edges[i],
                                     .timeout = 1 };
        hypercall_sched_op(SCHEDOP_poll, HYPERCALL_ARG(poll));
    }
}

/* A frame given back and asked for again has every CPU flush its TLB: not as often as it likes. */
static void flushes(void)
{
    uint64_t end = clock_monotonic_ns() + FLUSHES_NS, rounds = 0;
    void *own = frames_alloc(0);
    xen_pfn_t frame = frames_virt_to_mfn(own);
    struct xen_memory_reservation res = { .extent_start = (uint64_t)&frame,
                                          .nr_extents = 1,
                                          .domid = DOMID_SELF };

    expect("a frame of nobody's",
           hypercall_update_va_mapping((uint64_t)own, 0, UVMF_INVLPG | UVMF_LOCAL) == 0);
    while (clock_monotonic_ns() < end) {
        expect("it goes",
               hypercall_memory_op(XENMEM_decrease_reservation, HYPERCALL_ARG(&res)) == 1);
        expect("it comes",
               hypercall_memory_op(XENMEM_increase_reservation, HYPERCALL_ARG(&res)) == 1);
        rounds++;
    }
    kprintf("hostile: %lu rounds of flushes\n", rounds);
    /* Some cost nothing: the other CPUs had just flushed by themselves. */
    expect("others are disturbed now and then", rounds <= FLUSHES_NS / FLUSH_PRICE_NS * 3 / 2);
}

void guest_main(struct start_info *si)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {
        { "times", times },     { "memory", memory },           { "orders", orders },
        { "counts", counts },   { "descriptors", descriptors }, { "ports", ports },
        { "flushes", flushes },
    };
    evtchn_port_t timer;

    (void)si;
    page_make();
    expect("a timer", event_port_bind_virq(VIRQ_TIMER, &timer) == 0);
    event_port_set_handler(timer, tick, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cases[i].run();
        clock_goes_on();
        kprintf("hostile: %s done\n", cases[i].name);
    }
    kernel_shutdown(SHUTDOWN_poweroff);
}

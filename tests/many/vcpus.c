/*
 * A kernel with many vCPUs: brings all of them up, hears from each, and has each wait for an event
 * of its own.  Those from the 33rd on have no vcpu_info before they register one, and cannot be
 * initialised until they have; what is sent to them by then is lost.  The first vCPU takes no
 * upcalls: pv-kernel's look at the others' ports, too.  For tests/system/test_many_cpus.py, on both
 * hypervisors.
 */
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/errno.h"
#include "hypercall-abi/events.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/sched.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/print.h"
#include "tests/vcpu-context.h"

#define VCPUS_MAX      128u
#define INFOS_PER_PAGE (PAGE_SIZE / sizeof(struct vcpu_info))
#define PATIENCE_NS    60000000000u

static struct vcpu_guest_context context;
static struct vcpu_info *infos; /* of all vCPUs but the first */
static evtchn_port_t port[VCPUS_MAX], to_the_first;
static volatile unsigned int cpu_of[VCPUS_MAX], answered, woken;

static void expect(const char *what, int64_t got, int64_t wanted)
{
    if (got != wanted)
        kprintf("vcpus: bad: %s: %ld, not %ld\n", what, got, wanted);
}

static bool is_pending(evtchn_port_t which)
{
    return __atomic_load_n(&shared_info->evtchn_pending[which / 64], __ATOMIC_SEQ_CST) >>
               which % 64 &
           1;
}

/* The processor's own number: that of the machine's CPU below. */
static unsigned int apic_id(void)
{
    uint32_t a = 1, b, c = 0, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return b >> 24;
}

static uint8_t flag_of(uint64_t id)
{
    return *(volatile uint8_t *)&infos[id].evtchn_upcall_pending;
}

/* On vCPU `id`, events masked.  A poll may end for nothing, and looks at the port's own bit, which
 * is set before the flag.
 */
static void other(uint64_t id)
{
    struct sched_poll poll = { .ports = HYPERCALL_ARG(&port[id]), .nr_ports = 1 };
    uint64_t limit = clock_monotonic_ns() + PATIENCE_NS;

    cpu_of[id] = apic_id();
    __atomic_add_fetch(&answered, 1, __ATOMIC_SEQ_CST);
    event_port_notify(to_the_first);
    while (!is_pending(port[id]) && clock_monotonic_ns() < limit)
        expect("poll", hypercall_sched_op(SCHEDOP_poll, HYPERCALL_ARG(&poll)), 0);
    while (!flag_of(id) && clock_monotonic_ns() < limit)
        hypercall_sched_op(SCHEDOP_yield, 0);
    expect("its event", flag_of(id), 1);
    __atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
    hypercall_vcpu_op(VCPUOP_down, id, 0);
    kprintf("vcpus: bad: %lu is not down\n", id);
}

/* A port for events to a vCPU, and where it hears of them. */
static void info_make(unsigned int id)
{
    struct evtchn_bind_ipi ipi = { .vcpu = id };
    char *page = (char *)infos + id / INFOS_PER_PAGE * PAGE_SIZE;
    struct vcpu_register_vcpu_info info = { .mfn = frames_virt_to_mfn(page),
                                            .offset = (uint32_t)((char *)&infos[id] - page) };

    expect("port", hypercall_event_channel_op(EVTCHNOP_bind_ipi, HYPERCALL_ARG(&ipi)), 0);
    port[id] = ipi.port;
    event_port_unmask(port[id]);
    if (id >= XEN_LEGACY_MAX_VCPUS) {
        event_port_notify(port[id]); /* nobody is there to hear it */
        __atomic_fetch_and(&shared_info->evtchn_pending[port[id] / 64], ~(1UL << port[id] % 64),
                           __ATOMIC_SEQ_CST);
        expect("initialise without one",
               hypercall_vcpu_op(VCPUOP_initialise, id, HYPERCALL_ARG(&context)), -XEN_EINVAL);
        expect("up without one", hypercall_vcpu_op(VCPUOP_up, id, 0), -XEN_EINVAL);
    }
    expect("register", hypercall_vcpu_op(VCPUOP_register_vcpu_info, id, HYPERCALL_ARG(&info)), 0);
    /* Told to look at everything; and nothing else came from where it was before. */
    expect("pending", infos[id].evtchn_upcall_pending, 1);
    expect("selectors", (int64_t)infos[id].evtchn_pending_sel, -1);
    expect("masked", infos[id].evtchn_upcall_mask, 1);
    expect("fault address", (int64_t)infos[id].arch.cr2, 0);
    infos[id].evtchn_upcall_pending = 0;
    infos[id].evtchn_pending_sel = 0;
}

static void vcpu_make(unsigned int id)
{
    info_make(id);
    vcpu_context_fill(&context, (void (*)(void))other, frames_alloc(0), PAGE_SIZE);
    context.user_regs.rdi = id;
    expect("initialise", hypercall_vcpu_op(VCPUOP_initialise, id, HYPERCALL_ARG(&context)), 0);
    expect("up", hypercall_vcpu_op(VCPUOP_up, id, 0), 0);
}

static void wait_for(const volatile unsigned int *what, unsigned int count, const char *say)
{
    uint64_t limit = clock_monotonic_ns() + PATIENCE_NS;

    while (*what < count && clock_monotonic_ns() < limit)
        hypercall_sched_op(SCHEDOP_yield, 0);
    kprintf("vcpus: %u %s\n", *what, say);
}

void guest_main(struct start_info *si)
{
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };
    unsigned int count = 1, least;

    (void)si;
    events_mask_save();
    infos = frames_alloc(1);
    while (hypercall_vcpu_op(VCPUOP_is_up, count, 0) >= 0)
        count++;
    kprintf("vcpus: %u\n", count);
    expect("port", hypercall_event_channel_op(EVTCHNOP_bind_ipi, HYPERCALL_ARG(&ipi)), 0);
    to_the_first = ipi.port;
    cpu_of[0] = least = apic_id();
    for (unsigned int id = 1; id < count; id++)
        vcpu_make(id);
    wait_for(&answered, count - 1, "answered");
    for (unsigned int id = 1; id < count; id++) {
        event_port_notify(port[id]);
        least = cpu_of[id] < least ? cpu_of[id] : least;
    }
    wait_for(&woken, count - 1, "woken");
    kprintf("vcpus: events were %s\n", is_pending(to_the_first) ? "heard" : "not heard");
    kprintf("vcpus: on CPUs from %u on, the first on %u, the last on %u\n", least, cpu_of[0],
            cpu_of[count - 1]);
    kernel_shutdown(SHUTDOWN_poweroff);
}

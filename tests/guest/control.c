/*
 * domctl and sysctl as the toolstack uses them: a domain is created, given memory that we map and
 * write, asked about, and destroyed without a trace; mistakes get their errors.  Only the initial
 * domain may do any of it.
 */
#include "guest-test.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/memory.h"
#include "hypercall-abi/sched.h"
#include "hypercall-abi/sysctl.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/foreign-frames.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"

static struct xen_domctl op;
static struct xen_sysctl sys;
static struct vcpu_guest_context context;
static domid_t child;

static int64_t domctl(uint32_t cmd, domid_t domid)
{
    op.cmd = cmd;
    op.domain = domid;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return hypercall_domctl(HYPERCALL_ARG(&op));
}

static int64_t sysctl(uint32_t cmd)
{
    sys.cmd = cmd;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall_sysctl(HYPERCALL_ARG(&sys));
}

static int64_t create(domid_t domid, uint32_t flags, uint32_t vcpus)
{
    op = (struct xen_domctl){ 0 };
    op.u.createdomain = (struct xen_domctl_createdomain){ .flags = flags,
                                                          .max_vcpus = vcpus,
                                                          .max_evtchn_port = 1023,
                                                          .max_grant_frames = 4,
                                                          .max_maptrack_frames = 4,
                                                          .grant_opts = 1 };
    return domctl(XEN_DOMCTL_createdomain, domid);
}

static uint64_t free_pages(void)
{
    sysctl(XEN_SYSCTL_physinfo);
    return sys.u.physinfo.free_pages;
}

static void creation(void)
{
    check("unknown flags", create(0, 1u << 30, 1), -XEN_EINVAL);
    check("too many vCPUs", create(0, 0, 100000), -XEN_EINVAL);
    check("no vCPU", create(0, 0, 0), -XEN_EINVAL);
    check("create", create(0, 0, 2), 0);
    child = op.domain;
    check_true("has an id", child > 0 && child < DOMID_FIRST_RESERVED);
    check("id taken", create(child, 0, 1), -XEN_EEXIST);
    check("info", domctl(XEN_DOMCTL_getdomaininfo, child), 0);
    check("is paused", (int64_t)(op.u.getdomaininfo.flags & XEN_DOMINF_paused), XEN_DOMINF_paused);
    check("has no memory", (int64_t)op.u.getdomaininfo.tot_pages, 0);
    op.u.max_mem.max_memkb = 1024;
    check("limit", domctl(XEN_DOMCTL_max_mem, child), 0);
    domctl(XEN_DOMCTL_getdomaininfo, child);
    check("limit in pages", (int64_t)op.u.getdomaininfo.max_pages, 256);
}

static void memory(void)
{
    static uint64_t extents[300];
    struct xen_memory_reservation r = { .extent_start = HYPERCALL_ARG(extents),
                                        .nr_extents = 16,
                                        .domid = child };
    void *va;

    for (uint64_t i = 0; i < 300; i++)
        extents[i] = i;
    check("give it frames", hypercall_memory_op(XENMEM_populate_physmap, HYPERCALL_ARG(&r)), 16);
    domctl(XEN_DOMCTL_getdomaininfo, child);
    check("it has them", (int64_t)op.u.getdomaininfo.tot_pages, 16);
    check("map two", foreign_frames_map(child, extents, 2, true, &va), 0);
    check("are clear", *(volatile int64_t *)va, 0);
    *(volatile uint64_t *)va = 5;
    foreign_frames_unmap(va, 2);
    check("not its frame",
          foreign_frames_map(child, (uint64_t[]){ frames_pfn_to_mfn(300) }, 1, true, &va),
          -XEN_EBUSY);
    check("nobody's frame", foreign_frames_map(4321, extents, 1, true, &va), -XEN_ESRCH);
    r.nr_extents = 300;
    check("up to its limit", hypercall_memory_op(XENMEM_populate_physmap, HYPERCALL_ARG(&r)), 240);
}

static void vcpus(void)
{
    evtchn_port_t port;

    op.u.max_vcpus.max = 2;
    check("make the vCPUs", domctl(XEN_DOMCTL_max_vcpus, child), 0);
    op.u.getvcpuinfo = (struct xen_domctl_getvcpuinfo){ .vcpu = 0 };
    check("vCPU info", domctl(XEN_DOMCTL_getvcpuinfo, child), 0);
    check("is down", op.u.getvcpuinfo.online, 0);
    op.u.getvcpuinfo = (struct xen_domctl_getvcpuinfo){ .vcpu = 9 };
    check("no such vCPU", domctl(XEN_DOMCTL_getvcpuinfo, child), -XEN_EINVAL);
    op.u.vcpucontext =
        (struct xen_domctl_vcpucontext){ .vcpu = 0, .ctxt = HYPERCALL_ARG(&context) };
    check("context of a new vCPU", domctl(XEN_DOMCTL_getvcpucontext, child), -XEN_ENODATA);
    context.flags = VGCF_in_kernel | VGCF_online;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.ctrlreg[3] = 0x1000;
    check("context with a bad root", domctl(XEN_DOMCTL_setvcpucontext, child), -XEN_EINVAL);
    op.u.vcpucontext.ctxt = BAD_POINTER;
    check("wild context", domctl(XEN_DOMCTL_setvcpucontext, child), -XEN_EFAULT);
    check("a port of its", event_port_alloc_unbound(child, 0, &port), 0);
}

static void ending(uint64_t before)
{
    uint64_t limit = clock_monotonic_ns() + 2000000000;

    check("pause", domctl(XEN_DOMCTL_pausedomain, child), 0);
    check("unpause", domctl(XEN_DOMCTL_unpausedomain, child), 0);
    check("destroy ourselves", domctl(XEN_DOMCTL_destroydomain, 0), -XEN_EINVAL);
    while (domctl(XEN_DOMCTL_destroydomain, child) == -XEN_ERESTART)
        ;
    while (!domctl(XEN_DOMCTL_getdomaininfo, child) && clock_monotonic_ns() < limit)
        hypercall_sched_op(0, 0);
    check("it is gone", domctl(XEN_DOMCTL_getdomaininfo, child), -XEN_ESRCH);
    check("destroy again", domctl(XEN_DOMCTL_destroydomain, child), -XEN_ESRCH);
    while (free_pages() != before && clock_monotonic_ns() < limit)
        hypercall_sched_op(0, 0);
    check("free memory as before", (int64_t)free_pages(), (int64_t)before);
}

/* No line for what goes well: Xen has no guests in shadow mode. */
static void must(int64_t got, int64_t want)
{
    if (got != want)
        check("log of written frames", got, want);
}

static int64_t log_op(uint32_t what, uint32_t mode, void *bitmap)
{
    op.u.shadow_op = (struct xen_domctl_shadow_op){
        .op = what, .mode = mode, .dirty_bitmap = HYPERCALL_ARG(bitmap), .pages = 16
    };
    return domctl(XEN_DOMCTL_shadow_op, child);
}

static void must_be_written(uint16_t frames, uint32_t how_many)
{
    uint16_t bitmap = 0xffff;

    must(log_op(XEN_DOMCTL_SHADOW_OP_PEEK, 0, &bitmap), 0);
    must(bitmap, frames);
    must(log_op(XEN_DOMCTL_SHADOW_OP_CLEAN, 0, &bitmap), 0);
    must(bitmap, frames);
    must(op.u.shadow_op.stats.dirty_count, how_many);
    must((int64_t)op.u.shadow_op.pages, 16);
}

/* What we map for writing counts as written each time, and once more after the unmap. */
static void log_of_writes(uint64_t gfn)
{
    void *va;

    must(log_op(XEN_DOMCTL_SHADOW_OP_CLEAN, 0, NULL), -XEN_EINVAL);
    must(log_op(XEN_DOMCTL_SHADOW_OP_ENABLE, 0, NULL), -XEN_EINVAL);
    must(log_op(XEN_DOMCTL_SHADOW_OP_ENABLE, XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY, NULL), 0);
    must(log_op(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0, NULL), -XEN_EINVAL);
    must_be_written(0, 0);
    must(foreign_frames_map(child, &gfn, 1, true, &va), 0);
    *(volatile uint64_t *)va = 5;
    must_be_written(1U << 3, 1);
    must_be_written(1U << 3, 1);
    foreign_frames_unmap(va, 1);
    must_be_written(1U << 3, 1);
    must_be_written(0, 0);
    must(log_op(XEN_DOMCTL_SHADOW_OP_CLEAN, 0, (void *)BAD_POINTER), -XEN_EFAULT);
    must_be_written(0xffff, 16);
    must(log_op(99, 0, NULL), -XEN_EINVAL);
    must(log_op(XEN_DOMCTL_SHADOW_OP_OFF, 0, NULL), 0);
    must(log_op(XEN_DOMCTL_SHADOW_OP_PEEK, 0, NULL), -XEN_EINVAL);
}

/* False: it has no domains of this kind. */
static bool log_in_mode(uint32_t flags)
{
    uint64_t extents[16];
    struct xen_memory_reservation r = { .extent_start = HYPERCALL_ARG(extents), .nr_extents = 16 };

    if (create(0, flags, 1))
        return false;
    r.domid = child = op.domain;
    op.u.max_mem.max_memkb = 1024;
    must(domctl(XEN_DOMCTL_max_mem, child), 0);
    for (uint64_t i = 0; i < 16; i++)
        extents[i] = i;
    must(hypercall_memory_op(XENMEM_populate_physmap, HYPERCALL_ARG(&r)), 16);
    log_of_writes(flags ? 3 : extents[3]);
    while (domctl(XEN_DOMCTL_destroydomain, child) == -XEN_ERESTART)
        ;
    return true;
}

/* Not on Xen: where there is no shadow mode, there is no such log for others either. */
static void dirty_log(void)
{
    if (!log_in_mode(PARAVANE_CDF_shadow))
        return;
    (void)log_in_mode(0);
    child = 0; /* ourselves: reading it would write it */
    must(log_op(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0, NULL), -XEN_EINVAL);
}

static void machine(void)
{
    static struct xen_domctl_getdomaininfo list[4];
    static char keys[] = "?", log[64];

    sys.u.getdomaininfolist =
        (struct xen_sysctl_getdomaininfolist){ .max_domains = 4, .buffer = HYPERCALL_ARG(list) };
    check("domain list", sysctl(XEN_SYSCTL_getdomaininfolist), 0);
    check("one domain", sys.u.getdomaininfolist.num_domains, 1);
    check("that is us", list[0].domain, 0);
    check_true("running", list[0].flags & XEN_DOMINF_running);
    check("physinfo", sysctl(XEN_SYSCTL_physinfo), 0);
    check_true("PV guests", sys.u.physinfo.capabilities & XEN_SYSCTL_PHYSCAP_pv);
    sys.u.availheap = (struct xen_sysctl_availheap){ .node = -1 };
    check("free heap", sysctl(XEN_SYSCTL_availheap), 0);
    check_true("there is some", sys.u.availheap.avail_bytes > 0);
    sys.u.readconsole =
        (struct xen_sysctl_readconsole){ .buffer = HYPERCALL_ARG(log), .count = sizeof(log) };
    check("log", sysctl(XEN_SYSCTL_readconsole), 0);
    check("as much as asked", sys.u.readconsole.count, sizeof(log));
    check("scheduler", sysctl(XEN_SYSCTL_sched_id), 0);
    sys.u.debug_keys = (struct xen_sysctl_debug_keys){ .keys = HYPERCALL_ARG(keys), .nr_keys = 0 };
    check("no debug key", sysctl(XEN_SYSCTL_debug_keys), 0);
    check("unknown", sysctl(9999), -XEN_ENOSYS);
}

static int64_t pin(uint32_t vcpu, uint64_t cpus, uint32_t flags)
{
    static uint64_t hard, soft;

    hard = cpus;
    soft = ~0UL;
    op.u.vcpuaffinity = (struct xen_domctl_vcpuaffinity){
        .vcpu = vcpu,
        .flags = flags,
        .cpumap_hard = { .bitmap = HYPERCALL_ARG(&hard), .nr_bits = 64 },
        .cpumap_soft = { .bitmap = HYPERCALL_ARG(&soft), .nr_bits = 64 },
    };
    return domctl(XEN_DOMCTL_setvcpuaffinity, 0);
}

static uint32_t runs_on(void)
{
    op.u.getvcpuinfo = (struct xen_domctl_getvcpuinfo){ .vcpu = 0 };
    return domctl(XEN_DOMCTL_getvcpuinfo, 0) ? ~0u : op.u.getvcpuinfo.cpu;
}

static void ignore(evtchn_port_t port, void *arg)
{
    (void)port;
    (void)arg;
}

/* Goes to and fro between two CPUs, sleeping on each. */
static void affinity(void)
{
    unsigned int wrong = 0;
    evtchn_port_t port;

    event_port_bind_virq(VIRQ_TIMER, &port);
    event_port_set_handler(port, ignore, NULL);
    for (uint64_t i = 0; i < 40; i++) {
        uint64_t cpu = i & 1;

        wrong += pin(0, 1UL << cpu, XEN_VCPUAFFINITY_HARD) != 0;
        hypercall_sched_op(SCHEDOP_yield, 0);
        wrong += runs_on() != cpu;
        events_mask_save(); /* block unmasks them: the timer's does not come before */
        clock_set_timer(clock_monotonic_ns() + 1000000);
        hypercall_sched_op(SCHEDOP_block, 0);
        wrong += runs_on() != cpu;
    }
    event_port_close(port);
    check("moves between two CPUs", wrong, 0);
    check("no CPU", pin(0, 0, XEN_VCPUAFFINITY_HARD), -XEN_EINVAL);
    check("a CPU that is not there", pin(0, 1UL << 40, XEN_VCPUAFFINITY_HARD), -XEN_EINVAL);
    check("neither hard nor soft", pin(0, 1, 0), -XEN_EINVAL);
    check("no such vCPU's", pin(4000, 1, XEN_VCPUAFFINITY_HARD), -XEN_EINVAL);
    check("any CPU again", pin(0, ~0UL, XEN_VCPUAFFINITY_HARD), 0);
}

void guest_test(void)
{
    uint64_t before;

    if (!kernel_is_initial_domain()) {
        check("create", create(0, 0, 1), -XEN_EPERM);
        return;
    }
    /* the first map makes page tables that stay */
    mapping_area_release(mapping_area_reserve(4), 4);
    before = free_pages();
    creation();
    memory();
    vcpus();
    ending(before);
    machine();
    affinity();
    dirty_log();
}

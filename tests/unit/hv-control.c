/*
 * What control calls refuse by themselves, whoever is let in to them: domctl, sysctl, console_io,
 * vcpu_op; descriptors and frames of other uses; and frames another domain could write.
 *
 * Sources: tests/model/machine.c tests/model/common.c tests/model/tlb.c tests/model/stubs.c
 * hypervisor/domain/guest-memory.c
 * hypervisor/memory/frame-allocator.c hypervisor/memory/frame-owner.c
 * hypervisor/memory/frame-references.c hypervisor/memory/heap.c hypervisor/machine/tlb-clock.c
 * hypervisor/machine/timer.c hypervisor/domain/domain.c hypervisor/guest-cpu/descriptors.c
 * hypervisor/events/binding.c hypervisor/events/delivery.c hypervisor/events/fifo.c
 * hypervisor/events/fifo-queues.c hypervisor/events/port-table.c
 * hypervisor/guest-paging/entry-references.c hypervisor/guest-paging/update.c
 * hypervisor/guest-paging/walk.c hypervisor/guest-paging/pin.c
 * hypervisor/guest-paging/base-pointer.c hypervisor/guest-paging/audit.c
 * hypervisor/guest-paging/mirrors.c hypervisor/guest-paging/mirror-fault.c
 * hypervisor/guest-paging/write-log.c
 * hypervisor/guest-paging/direct-mode.c
 * hypervisor/grants/claim.c hypervisor/grants/copy.c hypervisor/grants/grant-table.c
 * hypervisor/grants/map.c hypervisor/lifecycle/audit.c hypervisor/lifecycle/create.c
 * hypervisor/lifecycle/destroy.c hypervisor/lifecycle/parts.c hypervisor/lifecycle/vcpu-parts.c
 * hypervisor/scheduling/disturbance.c
 * hypervisor/hypercalls/dispatch.c hypervisor/hypercalls/mmu.c
 * hypervisor/hypercalls/scheduling.c hypervisor/hypercalls/memory.c
 * hypervisor/hypercalls/target.c hypervisor/hypercalls/domain-control.c
 * hypervisor/hypercalls/information.c hypervisor/hypercalls/console.c
 * hypervisor/hypercalls/dirty-log.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -DHOST_MODEL
 * Libraries: -Wl,--wrap=frame_type_claim -Wl,--wrap=frames_allocate -Wl,--wrap=heap_free
 * -Wl,--wrap=virq_raise -Wl,--wrap=tlb_flush_cpus -Wl,--wrap=preempt_point
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "events/delivery.h"
#include "events/port.h"
#include "guest-cpu/descriptors.h"
#include "hypercall-abi/memory.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/sched.h"
#include "hypercall-abi/sysctl.h"
#include "hypercall-abi/version.h"
#include "lib/errno.h"
#include "memory/frame-references.h"
#include "unit/fake-machine.h"
#include "unit/fake-control.h"
#include "unit/sides.h"

#define WILD 0xffff830000000000UL /* the hypervisor's */

static struct xen_domctl op;

static int64_t domctl(uint32_t cmd, domid_t id)
{
    op.cmd = cmd;
    op.domain = id;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return hypercall_do_domctl(ARG(&op));
}

static const uint32_t on_a_domain[] = {
    XEN_DOMCTL_pausedomain,      XEN_DOMCTL_unpausedomain,    XEN_DOMCTL_resumedomain,
    XEN_DOMCTL_max_mem,          XEN_DOMCTL_setvcpucontext,   XEN_DOMCTL_getvcpucontext,
    XEN_DOMCTL_getvcpuinfo,      XEN_DOMCTL_setvcpuaffinity,  XEN_DOMCTL_max_vcpus,
    XEN_DOMCTL_setdomainhandle,  XEN_DOMCTL_hypercall_init,   XEN_DOMCTL_settimeoffset,
    XEN_DOMCTL_set_address_size, XEN_DOMCTL_get_address_size, XEN_DOMCTL_settscinfo,
    XEN_DOMCTL_gettscinfo,       XEN_DOMCTL_iomem_permission, XEN_DOMCTL_ioport_permission,
};

static void control_is_for_the_control_domain(void **state)
{
    static const unsigned calls[] = { NR_domctl, NR_sysctl, NR_platform_op,
                                      NR_update_va_mapping_otherdomain };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
        assert_int_equal(hypercall_table[calls[i]](ARG(&op), 0, 0, DOMID_SELF, 0), -EPERM);
    become(&control);
    op.interface_version = 1;
    assert_int_equal(hypercall_table[NR_domctl](ARG(&op), 0, 0, 0, 0), -EACCES);
}

static void domctl_is_about_a_domain_that_is(void **state)
{
    (void)state;
    become(&control);
    for (unsigned i = 0; i < ARRAY_SIZE(on_a_domain); i++) {
        op = (struct xen_domctl){ 0 };
        assert_int_equal(domctl(on_a_domain[i], 4321), -ESRCH);
        assert_int_equal(domctl(on_a_domain[i], DOMID_IO), -ESRCH);
    }
    assert_int_equal(domctl(XEN_DOMCTL_destroydomain, 4321), -ESRCH);
    assert_int_equal(domctl(9999, a.d->id), -ENOSYS);
    assert_int_equal(domctl(XEN_DOMCTL_getdomaininfo, 4321), -ESRCH);
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION + 1;
    op.cmd = XEN_DOMCTL_pausedomain;
    op.domain = a.d->id;
    assert_int_equal(hypercall_do_domctl(ARG(&op)), -EACCES);
    assert_int_equal(hypercall_do_domctl(WILD), -EFAULT);
    assert_int_equal(pauses, 0);
}

/* One that dies may be asked to go on dying, and nothing else. */
static void nothing_is_done_to_the_dying(void **state)
{
    (void)state;
    become(&control);
    a.d->life = DOMAIN_DYING;
    for (unsigned i = 0; i < ARRAY_SIZE(on_a_domain); i++) {
        op = (struct xen_domctl){ 0 };
        assert_int_equal(domctl(on_a_domain[i], a.d->id), -EINVAL);
    }
    assert_int_equal(pauses, 0);
    assert_int_equal(domctl(XEN_DOMCTL_getdomaininfo, a.d->id), 0);
    assert_int_equal(op.u.getdomaininfo.flags & XEN_DOMINF_dying, XEN_DOMINF_dying);
    a.d->life = DOMAIN_ALIVE;
}

static void the_control_domain_does_not_stop_itself(void **state)
{
    static const uint32_t never[] = { XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain,
                                      XEN_DOMCTL_unpausedomain, XEN_DOMCTL_resumedomain,
                                      XEN_DOMCTL_getvcpucontext };

    (void)state;
    become(&control);
    for (unsigned i = 0; i < ARRAY_SIZE(never); i++) {
        op = (struct xen_domctl){ 0 };
        assert_int_equal(domctl(never[i], control.d->id), -EINVAL);
        assert_int_equal(domctl(never[i], DOMID_SELF), -EINVAL);
    }
    assert_int_equal(pauses, 0);
    assert_int_equal(control.d->life, DOMAIN_ALIVE);
}

static const uint32_t no_vcpus[] = { 2, 3, 64, 4000, 0x7fffffff, 0x80000000, 0xffffffff };

static void domctl_finds_vcpus_there_are(void **state)
{
    static const uint32_t of_a_vcpu[] = { XEN_DOMCTL_setvcpucontext, XEN_DOMCTL_getvcpucontext,
                                          XEN_DOMCTL_getvcpuinfo, XEN_DOMCTL_setvcpuaffinity };
    static struct vcpu_guest_context context;

    (void)state;
    become(&control);
    for (unsigned i = 0; i < ARRAY_SIZE(of_a_vcpu); i++)
        for (unsigned n = 0; n < ARRAY_SIZE(no_vcpus); n++) {
            op = (struct xen_domctl){ 0 };
            op.u.vcpucontext.vcpu = no_vcpus[n]; /* the first field of all of them */
            assert_int_equal(domctl(of_a_vcpu[i], a.d->id), -EINVAL);
        }
    op.u.vcpucontext = (struct xen_domctl_vcpucontext){ .vcpu = 1, .ctxt = ARG(&context) };
    assert_int_equal(domctl(XEN_DOMCTL_getvcpucontext, a.d->id), -ENODATA);
    op.u.vcpucontext.vcpu = 0;
    assert_int_equal(domctl(XEN_DOMCTL_getvcpucontext, a.d->id), 0);
    assert_int_equal(context.ctrlreg[3], a.table[3].n << PAGE_SHIFT);
    assert_int_equal(domctl(XEN_DOMCTL_setvcpucontext, a.d->id), -EEXIST);
    op.u.vcpucontext = (struct xen_domctl_vcpucontext){ .vcpu = 1, .ctxt = WILD };
    assert_int_equal(domctl(XEN_DOMCTL_setvcpucontext, a.d->id), -EFAULT);
}

static void domctl_makes_only_what_there_is(void **state)
{
    struct xen_domctl_createdomain good = { .max_vcpus = 1, .max_evtchn_port = 1023 };

    (void)state;
    become(&control);
    op = (struct xen_domctl){ .u.createdomain = good };
    assert_int_equal(domctl(XEN_DOMCTL_createdomain, a.d->id), -EEXIST);
    op.u.createdomain.flags = XEN_DOMCTL_CDF_s3_integrity | 1;
    assert_int_equal(domctl(XEN_DOMCTL_createdomain, 0), -EINVAL);
    op.u.createdomain = good;
    op.u.createdomain.iommu_opts = 1;
    assert_int_equal(domctl(XEN_DOMCTL_createdomain, 0), -EINVAL);
    op.u.createdomain = good;
    op.u.createdomain.arch.emulation_flags = 1;
    assert_int_equal(domctl(XEN_DOMCTL_createdomain, 0), -EINVAL);
    op.u.createdomain = good;
    op.u.createdomain.vmtrace_size = 1;
    assert_int_equal(domctl(XEN_DOMCTL_createdomain, 0), -EINVAL);
    op.u.createdomain = good;
    op.u.createdomain.max_vcpus = MAX_VCPUS_PER_DOMAIN + 1;
    assert_int_equal(domctl(XEN_DOMCTL_createdomain, 0), -EINVAL);
    op.u.max_vcpus.max = 1;
    assert_int_equal(domctl(XEN_DOMCTL_max_vcpus, a.d->id), -EINVAL);
    op.u.address_size.size = 32;
    assert_int_equal(domctl(XEN_DOMCTL_set_address_size, a.d->id), -EINVAL);
    op.u.tsc_info = (struct xen_domctl_tsc_info){ .tsc_mode = 1 };
    assert_int_equal(domctl(XEN_DOMCTL_settscinfo, a.d->id), -EOPNOTSUPP);
}

/* Devices belong to the control domain: nobody else gets memory or ports of theirs. */
static void devices_are_not_given_away(void **state)
{
    (void)state;
    become(&control);
    op = (struct xen_domctl){ .u.iomem_permission = { .nr_mfns = 1, .allow_access = 1 } };
    assert_int_equal(domctl(XEN_DOMCTL_iomem_permission, a.d->id), -EOPNOTSUPP);
    assert_int_equal(domctl(XEN_DOMCTL_iomem_permission, control.d->id), 0);
    op = (struct xen_domctl){ .u.ioport_permission = { .nr_ports = 1, .allow_access = 1 } };
    assert_int_equal(domctl(XEN_DOMCTL_ioport_permission, a.d->id), -EOPNOTSUPP);
    assert_int_equal(domctl(XEN_DOMCTL_ioport_permission, control.d->id), 0);
}

static void sysctl_is_asked_in_this_version(void **state)
{
    struct xen_sysctl sys = { .cmd = XEN_SYSCTL_physinfo, .interface_version = 1 };

    (void)state;
    become(&control);
    assert_int_equal(hypercall_do_sysctl(ARG(&sys)), -EACCES);
    assert_int_equal(sys.u.physinfo.nr_cpus, 0);
    assert_int_equal(hypercall_do_sysctl(WILD), -EFAULT);
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    assert_int_equal(hypercall_do_sysctl(ARG(&sys)), 0);
    assert_int_equal(sys.u.physinfo.nr_nodes, 1);
    sys.cmd = 9999;
    assert_int_equal(hypercall_do_sysctl(ARG(&sys)), -ENOSYS);
}

/* A guest's characters go to the log, with its name; what is typed is the control domain's. */
static void the_console_is_the_control_domains(void **state)
{
    static char text[] = "line\n";

    (void)state;
    assert_int_equal(hypercall_do_console_io(CONSOLEIO_read, 4, ARG(text)), -EPERM);
    assert_int_equal(hypercall_do_console_io(CONSOLEIO_write, 5, ARG(text)), 0);
    assert_int_equal(raw_characters, 0);
    become(&control);
    assert_int_equal(hypercall_do_console_io(CONSOLEIO_read, 4, ARG(text)), 0);
    assert_int_equal(hypercall_do_console_io(CONSOLEIO_write, 5, ARG(text)), 0);
    assert_int_equal(raw_characters, 5);
    assert_int_equal(hypercall_do_console_io(CONSOLEIO_write, 5, WILD), -EFAULT);
}

static void vcpu_op_finds_vcpus_there_are(void **state)
{
    uint64_t room[16] = { 0 };

    (void)state;
    for (unsigned cmd = 0; cmd <= VCPUOP_register_vcpu_time_memory_area; cmd++)
        for (unsigned n = 0; n < ARRAY_SIZE(no_vcpus); n++)
            assert_int_equal(hypercall_do_vcpu_op(cmd, no_vcpus[n], ARG(room)), -ENOENT);
    assert_int_equal(hypercall_do_vcpu_op(VCPUOP_is_up, 1, 0), 0);
    assert_int_equal(hypercall_do_vcpu_op(VCPUOP_up, 1, 0), -EINVAL); /* has no state yet */
    assert_int_equal(hypercall_do_vcpu_op(VCPUOP_initialise, 0, ARG(room)), -EINVAL);
    assert_int_equal(hypercall_do_vcpu_op(VCPUOP_stop_singleshot_timer, 1, 0), -EINVAL);
}

#define MANY 101

/* A guest of so many vCPUs, whose first one makes hypercalls from now on. */
static struct domain *many_vcpus(void)
{
    struct xen_domctl_createdomain config = { .max_vcpus = MANY, .max_evtchn_port = 1023 };
    struct domain *d;
    domid_t id;

    assert_int_equal(domain_id_choose(&id), 0);
    assert_int_equal(domain_create(id, &config, false, &d), 0);
    d = domain_get(id);
    d->frames.limit = 10;
    this_cpu()->vcpu = d->vcpus[0];
    return d;
}

static void many_vcpus_end(struct domain *d)
{
    int r;

    this_cpu()->vcpu = b.v;
    do {
        r = domain_destroy(d);
    } while (r == -ERESTART);
    assert_int_equal(r, 0);
    domain_put(d);
}

/* shared_info has room for 32.  Where others hear of events before they say where is nobody's but
 * theirs. */
static void a_vcpu_says_where_it_hears_of_events_before_it_runs(void **state)
{
    struct vcpu_register_vcpu_info where = { .offset = 64 };
    struct domain *d = many_vcpus();
    struct vcpu_info *last = &d->shared_info->vcpu_info[XEN_LEGACY_MAX_VCPUS - 1];
    struct vcpu_info *registered;
    mfn_t m;

    (void)state;
    assert_int_equal(hypercall_do_vcpu_op(VCPUOP_initialise, 31, WILD), -EFAULT);
    assert_ptr_equal(d->vcpus[31]->info, last);
    for (unsigned id = 32; id < MANY; id++) {
        const struct vcpu_info *info = d->vcpus[id]->info;

        assert_true((char *)info >= (char *)d->vcpus[id]);
        assert_true((char *)(info + 1) <= (char *)(d->vcpus[id] + 1));
        assert_int_equal(hypercall_do_vcpu_op(VCPUOP_initialise, id, WILD), -EINVAL);
        assert_int_equal(hypercall_do_vcpu_op(VCPUOP_up, id, 0), -EINVAL);
    }
    assert_int_equal(frame_owner_allocate(&d->frames, 0, 0, &m), 0);
    where.mfn = m.n;
    assert_int_equal(hypercall_do_vcpu_op(VCPUOP_register_vcpu_info, 100, ARG(&where)), 0);
    registered = (struct vcpu_info *)((char *)frame_virt(m) + 64);
    assert_ptr_equal(d->vcpus[100]->info, registered);
    assert_int_equal(registered->evtchn_upcall_pending, 1);
    assert_int_equal(registered->evtchn_upcall_mask, 1);
    assert_int_equal(hypercall_do_vcpu_op(VCPUOP_initialise, 100, WILD), -EFAULT);
    assert_int_equal(hypercall_do_vcpu_op(VCPUOP_initialise, 99, WILD), -EINVAL);
    many_vcpus_end(d);
}

static void any_vcpu_can_poll(void **state)
{
    struct domain *d = many_vcpus();
    struct vcpu *v = d->vcpus[100];

    (void)state;
    assert_false(ports_are_polled(d->ports));
    v->stopped |= VCPU_BLOCKED;
    v->poll_port = 7;
    bit_test_and_set_atomic(d->ports->polling, v->id);
    assert_true(ports_are_polled(d->ports));
    port_deliver(d, 6, 0);
    assert_true(v->stopped & VCPU_BLOCKED);
    port_deliver(d, 7, 0);
    assert_false(v->stopped & VCPU_BLOCKED);
    many_vcpus_end(d);
}

static void any_vcpu_can_be_flushed(void **state)
{
    static uint64_t of[2] = { 0, 1UL << 36 };
    struct mmuext_op flush = { .cmd = MMUEXT_TLB_FLUSH_MULTI, .arg2.vcpumask = ARG(of) };
    struct domain *d = many_vcpus();

    (void)state;
    d->frames.cpus = set_of(0x12);
    d->vcpus[0]->dirty_cpu = 1;
    d->vcpus[100]->dirty_cpu = 4;
    flushed = 0;
    assert_int_equal(hypercall_do_mmuext_op(ARG(&flush), 1, 0, DOMID_SELF), 0);
    assert_int_equal(flushed, 0x10);
    of[0] = 1;
    assert_int_equal(hypercall_do_mmuext_op(ARG(&flush), 1, 0, DOMID_SELF), 0);
    assert_int_equal(flushed, 0x12);
    d->frames.cpus = set_of(0);
    flushed = 0;
    assert_int_equal(hypercall_do_mmuext_op(ARG(&flush), 1, 0, DOMID_SELF), 0);
    assert_int_equal(flushed, 0);
    many_vcpus_end(d);
}

/* The bitmap is read as far as it is said to reach, and no further than there can be CPUs. */
static void cpus_are_bits_of_a_map(void **state)
{
    static const struct {
        uint32_t bits, cpus; /* of a map of ones */
    } cases[] = { { 0, 0 }, { 1, 1 }, { 3, 7 }, { 8, 0x1f }, { 256, 0x1f }, { 0xffffffff, 0x1f } };
    struct {
        uint64_t map[MAX_CPUS / 64], behind;
    } ones;

    (void)state;
    become(&control);
    memset(&ones, 0xff, sizeof(ones));
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        op = (struct xen_domctl){ 0 };
        op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
        op.u.vcpuaffinity.cpumap_hard.bitmap = ARG(ones.map);
        op.u.vcpuaffinity.cpumap_hard.nr_bits = cases[i].bits;
        assert_int_equal(domctl(XEN_DOMCTL_setvcpuaffinity, a.d->id), 0);
        assert_int_equal(cpus_in(&a.v->sched.affinity), cases[i].cpus);
    }
    op.u.vcpuaffinity.cpumap_hard.bitmap = WILD;
    assert_int_equal(domctl(XEN_DOMCTL_setvcpuaffinity, a.d->id), -EFAULT);
}

/* Another CPU is not told of a timer each time it is set: it would have nothing else to do. */
static void setting_timers_disturbs_no_other_cpu(void **state)
{
    struct vcpu_set_periodic_timer p = { .period_ns = 1000000 };
    struct vcpu *other = current_domain()->vcpus[1];

    (void)state;
    other->sched.cpu = 1;
    cpu_table[1]->deferred = 0;
    assert_int_equal(hypercall_do_vcpu_op(VCPUOP_set_periodic_timer, 1, ARG(&p)), 0);
    assert_true(other->periodic.armed);
    assert_int_equal(cpu_table[1]->deferred, 0);
    assert_int_equal(hypercall_do_vcpu_op(VCPUOP_stop_periodic_timer, 1, 0), 0);
    assert_false(other->periodic.armed);
}

#define SEGMENT (1UL << 47 | 1UL << 44 | 2UL << 40 | 3UL << 45)

/* A descriptor goes into a frame the guest could write itself, or a checked one: no other. */
static void a_descriptor_is_written_nowhere_else(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 4; level++)
        assert_int_equal(descriptor_update(b.d, slot_machine(&b, level, 300), SEGMENT), -EINVAL);
    assert_int_equal(*slot(&b, 1, 300), 0);
    assert_int_equal(descriptor_update(b.d, slot_machine(&b, 1, 0) + 4, SEGMENT), -EINVAL);
    assert_int_equal(descriptor_update(b.d, (b.data[3].n << PAGE_SHIFT) + 8, SEGMENT), 0);
    assert_int_equal(((uint64_t *)frame_virt(b.data[3]))[1], SEGMENT);
    /* Not while some vCPU's first look at its frame is not over. */
    assert_int_equal(frame_type_claim(b.data[4], TYPE_DESCRIPTOR), -EAGAIN);
    assert_int_equal(descriptor_update(b.d, b.data[4].n << PAGE_SHIFT, SEGMENT), -EINVAL);
    frame_type_retire(b.data[4]);
}

/* The control domain, on another CPU, could write a guest's frame: it cannot any more when that
 * becomes a table of the guest's, whoever else uses the frame meanwhile. */
static void a_frame_others_wrote_is_flushed_everywhere(void **state)
{
    struct mmu_update map = { slot_machine(&control, 1, 9), entry(b.data[1], PTE_RW) };
    struct mmuext_op pin = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = b.data[1].n };

    (void)state;
    become(&control);
    control.d->frames.cpus = set_of(2);
    assert_int_equal(hypercall_do_mmu_update(ARG(&map), 1, 0, b.d->id), 0);
    map.val = 0;
    assert_int_equal(hypercall_do_mmu_update(ARG(&map), 1, 0, b.d->id), 0);
    become(&b);
    assert_int_equal(frame_get_writable(b.data[1], b.d->frames.index), 0);
    frame_put_writable(b.data[1]);
    flushed = 0;
    assert_int_equal(hypercall_do_mmuext_op(ARG(&pin), 1, 0, DOMID_SELF), 0);
    assert_true(flushed & 2);
    pin.cmd = MMUEXT_UNPIN_TABLE;
    assert_int_equal(hypercall_do_mmuext_op(ARG(&pin), 1, 0, DOMID_SELF), 0);
}

/* Two tables, one below the other: to let them go takes more than one step. */
static mfn_t two_tables(void)
{
    ((pte_t *)frame_virt(b.data[2]))[300] = entry(b.data[3], PTE_RW);
    return b.data[2];
}

static int64_t interrupted_ext(unsigned at, struct mmuext_op *list, unsigned n)
{
    uint32_t done = 0;
    int64_t r;

    interrupt_in = at;
    r = hypercall_do_mmuext_op(ARG(list), n, ARG(&done), DOMID_SELF);
    interrupt_in = 0;
    assert_int_equal(done, n);
    return r;
}

/* Wherever it is interrupted, a table let go is an ordinary frame when the call returns. */
static void what_is_unpinned_is_free_at_once(void **state)
{
    mfn_t m = two_tables();
    struct mmuext_op pin = { .cmd = MMUEXT_PIN_L2_TABLE, .arg1.mfn = m.n };
    struct mmuext_op two[2] = { { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = m.n },
                                { .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = m.n } };

    (void)state;
    for (unsigned at = 1; at < 8; at++) {
        two_tables();
        assert_int_equal(hypercall_do_mmuext_op(ARG(&pin), 1, 0, DOMID_SELF), 0);
        assert_int_equal(interrupted_ext(at, two, 2), 0);
        two_tables();
        assert_int_equal(hypercall_do_mmuext_op(ARG(&pin), 1, 0, DOMID_SELF), 0);
        assert_int_equal(interrupted_ext(at, two, 1), 0);
        assert_int_equal(frame_get_writable(m, b.d->frames.index), 0);
        frame_put_writable(m);
    }
}

/* The same where an entry of a table above goes. */
static void what_is_unlinked_is_free_at_once(void **state)
{
    mfn_t m = two_tables();
    struct mmu_update link = { slot_machine(&b, 3, 9), entry(m, PTE_RW) };
    uint32_t done;

    (void)state;
    for (unsigned at = 1; at < 8; at++) {
        link.val = entry(m, PTE_RW);
        assert_int_equal(hypercall_do_mmu_update(ARG(&link), 1, 0, DOMID_SELF), 0);
        link.val = done = 0;
        interrupt_in = at;
        assert_int_equal(hypercall_do_mmu_update(ARG(&link), 1, ARG(&done), DOMID_SELF), 0);
        interrupt_in = 0;
        assert_int_equal(done, 1);
        assert_int_equal(frame_get_writable(m, b.d->frames.index), 0);
        frame_put_writable(m);
    }
}

static struct xen_memory_exchange exchange_of(const xen_pfn_t *in, xen_pfn_t *out)
{
    return (struct xen_memory_exchange){
        .in = { .extent_start = ARG(in), .nr_extents = 4, .domid = DOMID_SELF },
        .out = { .extent_start = ARG(out),
                 .nr_extents = 1,
                 .extent_order = 2,
                 .domid = DOMID_SELF },
    };
}

/* A block changes hands as a whole: whichever of its frames cannot, all stay, and no others come.
 */
static void an_exchange_is_all_or_none(void **state)
{
    xen_pfn_t in[4], out;
    struct xen_memory_exchange x;
    uint64_t limit = control.d->frames.limit, count = control.d->frames.count;

    (void)state;
    become(&control);
    for (unsigned bad = 0; bad < 5; bad++) {
        for (unsigned i = 0; i < 4; i++)
            in[i] = control.data[2 + i].n;
        if (bad < 4)
            in[bad] = bad % 2 ? a.data[1].n : in[(bad + 1) % 4]; /* another's, or one twice */
        out = 1000;
        x = exchange_of(in, &out);
        assert_int_equal(hypercall_do_memory_op(XENMEM_exchange, ARG(&x)), bad < 4 ? -EINVAL : 0);
        assert_int_equal(x.nr_exchanged, bad < 4 ? 0 : 4);
        assert_int_equal(control.d->frames.count, count);
        assert_int_equal(control.d->frames.limit, limit);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(frame_owner_release(&control.d->frames, control.data[2 + i]),
                             bad < 4 ? 0 : -EINVAL);
        if (bad == 4)
            break;
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(frame_owner_allocate(&control.d->frames, 0, 0, &control.data[2 + i]),
                             0);
    }
    assert_int_equal(out & 3, 0);
    for (unsigned i = 0; i < 4; i++)
        in[i] = out + i;
    x = exchange_of(in, &out);
    x.out.nr_extents = (1UL << 62) + 1; /* times 4: as many as go in, if nobody looks */
    assert_int_equal(hypercall_do_memory_op(XENMEM_exchange, ARG(&x)), -EINVAL);
    assert_int_equal(x.nr_exchanged, 0);
    assert_int_equal(control.d->frames.count, count);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, sides_up, sides_down)
    const struct CMUnitTest tests[] = {
        CASE(control_is_for_the_control_domain),
        CASE(domctl_is_about_a_domain_that_is),
        CASE(nothing_is_done_to_the_dying),
        CASE(the_control_domain_does_not_stop_itself),
        CASE(domctl_finds_vcpus_there_are),
        CASE(domctl_makes_only_what_there_is),
        CASE(devices_are_not_given_away),
        CASE(sysctl_is_asked_in_this_version),
        CASE(the_console_is_the_control_domains),
        CASE(vcpu_op_finds_vcpus_there_are),
        CASE(setting_timers_disturbs_no_other_cpu),
        CASE(a_descriptor_is_written_nowhere_else),
        CASE(a_vcpu_says_where_it_hears_of_events_before_it_runs),
        CASE(any_vcpu_can_poll),
        CASE(any_vcpu_can_be_flushed),
        CASE(cpus_are_bits_of_a_map),
        CASE(a_frame_others_wrote_is_flushed_everywhere),
        CASE(what_is_unpinned_is_free_at_once),
        CASE(what_is_unlinked_is_free_at_once),
        CASE(an_exchange_is_all_or_none),
    };

    model_memory_up();
    model_seed(1);
    lifecycle_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

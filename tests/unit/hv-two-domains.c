/*
 * What a guest may do to another: nothing it was not let.  Two guests, a third that is granted to,
 * and the control domain; hypercalls go through the real handlers, over the model's memory.
 *
 * Sources: tests/model/machine.c tests/model/common.c tests/model/tlb.c tests/model/stubs.c
 * hypervisor/domain/guest-memory.c hypervisor/memory/frame-allocator.c
 * hypervisor/memory/frame-owner.c hypervisor/memory/frame-references.c hypervisor/memory/heap.c
 * hypervisor/machine/tlb-clock.c hypervisor/machine/timer.c hypervisor/domain/domain.c
 * hypervisor/guest-cpu/descriptors.c hypervisor/events/binding.c hypervisor/events/delivery.c
 * hypervisor/events/fifo.c hypervisor/events/fifo-queues.c hypervisor/events/port-table.c
 * hypervisor/guest-paging/entry-references.c hypervisor/guest-paging/update.c
 * hypervisor/guest-paging/walk.c hypervisor/guest-paging/pin.c
 * hypervisor/guest-paging/base-pointer.c hypervisor/guest-paging/audit.c
 * hypervisor/guest-paging/mirrors.c hypervisor/guest-paging/mirror-fault.c
 * hypervisor/guest-paging/write-log.c
 * hypervisor/guest-paging/direct-mode.c hypervisor/grants/claim.c hypervisor/grants/copy.c
 * hypervisor/grants/grant-table.c hypervisor/grants/map.c hypervisor/lifecycle/audit.c
 * hypervisor/lifecycle/create.c hypervisor/lifecycle/destroy.c hypervisor/lifecycle/parts.c
 * hypervisor/lifecycle/vcpu-parts.c hypervisor/scheduling/disturbance.c
 * hypervisor/hypercalls/dispatch.c hypervisor/hypercalls/mmu.c hypervisor/hypercalls/events.c
 * hypervisor/hypercalls/grants.c hypervisor/hypercalls/memory.c hypervisor/hypercalls/scheduling.c
 * hypervisor/hypercalls/paravane.c hypervisor/hypercalls/target.c
 * hypervisor/guest-cpu/trap-injection.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -DHOST_MODEL
 * Libraries: -Wl,--wrap=frame_type_claim -Wl,--wrap=frames_allocate -Wl,--wrap=heap_free
 * -Wl,--wrap=virq_raise
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "domain/guest-memory.h"
#include "grants/map.h"
#include "guest-cpu/descriptors.h"
#include "guest-cpu/switch.h"
#include "guest-cpu/trap-injection.h"
#include "guest-paging/paging.h"
#include "hypercall-abi/domctl.h"
#include "hypercall-abi/events.h"
#include "hypercall-abi/memory.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/sched.h"
#include "hypercalls/handlers.h"
#include "lib/bits.h"
#include "lifecycle/audit.h"
#include "lifecycle/create.h"
#include "lifecycle/destroy.h"
#include "machine/registers.h"
#include "memory/machine-to-physical.h"
#include "model/tlb.h"
#include "unit/fake-machine.h"
#include "unit/sides-grants.h"
#include "unit/sides.h"

static void a_grant_is_for_whom_it_was_given(void **state)
{
    grant_ref_t ref = give(friend.d->id, a.data[1], 0);
    grant_handle_t handle;
    struct gnttab_copy op = { .source = { .u.ref = ref, .domid = a.d->id },
                              .dest = { .u.gmfn = b.data[1].n, .domid = DOMID_SELF },
                              .len = 8,
                              .flags = GNTCOPY_source_gref };

    (void)state;
    assert_int_equal(map(ref, 0, &handle), GNTST_general_error);
    assert_int_equal(copy(op), GNTST_general_error);
    become(&friend);
    op.dest.u.gmfn = friend.data[1].n;
    assert_int_equal(copy(op), GNTST_okay);
    assert_int_equal(map(ref, 0, &handle), GNTST_okay);
    assert_int_equal(unmap(handle), GNTST_okay);
    grant_entry_locked(a.d->grants, ref)->flags = GTF_invalid;
    assert_int_equal(map(ref, 0, &handle), GNTST_general_error);
}

static void a_read_only_grant_is_not_written(void **state)
{
    grant_ref_t ref = give(b.d->id, a.data[1], GTF_readonly);
    struct gnttab_copy op = { .source = { .u.gmfn = b.data[1].n, .domid = DOMID_SELF },
                              .dest = { .u.ref = ref, .domid = a.d->id },
                              .len = 8,
                              .flags = GNTCOPY_dest_gref };
    grant_handle_t handle;

    (void)state;
    assert_int_equal(map(ref, 0, &handle), GNTST_general_error);
    assert_int_equal(copy(op), GNTST_general_error);
    assert_int_equal(map(ref, GNTMAP_readonly, &handle), GNTST_okay);
    assert_int_equal(*slot(&b, 1, 1) & PTE_RW, 0);
    assert_int_equal(unmap(handle), GNTST_okay);
}

/* A CPU of b's may still write a's frame. */
static bool stale(mfn_t frame)
{
    for (unsigned k = 0; k < TLB_ENTRIES; k++)
        if (model_tlbs[1].entry[k].kind == TLB_WRITE && model_tlbs[1].entry[k].frame.n == frame.n)
            return true;
    return false;
}

/* One vCPU has taken the mapping away and not come to its flush, another unpins the device's part:
 * when the grant ends, nobody's translations are left. */
static void a_grant_whose_parts_go_by_two_vcpus_ends_after_a_flush(void **state)
{
    grant_ref_t ref = give(b.d->id, a.data[1], 0);
    struct gnttab_unmap_grant_ref host = { .host_addr = VA }, device = { 0 };
    struct grant_unmapping first;

    (void)state;
    assert_int_equal(map(ref, GNTMAP_device_map, &host.handle), GNTST_okay);
    b.d->frames.cpus = set_of(BIT(1));
    model_tlbs[1].entry[0] = (struct tlb_entry){ TLB_WRITE, 0, a.data[1] };
    assert_int_equal(grant_unmap_begin(b.v, &host, &first), 0);
    assert_int_equal(host.status, GNTST_okay);
    assert_true(stale(a.data[1]));
    device.handle = host.handle;
    device.dev_bus_addr = a.data[1].n << PAGE_SHIFT;
    assert_int_equal(hypercall_do_grant_table_op(GNTTABOP_unmap_grant_ref, ARG(&device), 1), 0);
    assert_int_equal(device.status, GNTST_okay);
    assert_int_equal(grant_entry_locked(a.d->grants, ref)->flags, GTF_permit_access);
    assert_false(stale(a.data[1]));
    grant_unmap_end(&first);
}

static int64_t ext(unsigned cmd, mfn_t m, uint64_t second, domid_t whose)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = m.n, .arg2.src_mfn = second };

    return hypercall_do_mmuext_op(ARG(&op), 1, 0, whose);
}

static void a_grant_of_anothers_frame_is_none(void **state)
{
    grant_handle_t handle;

    (void)state;
    assert_int_equal(map(give(b.d->id, friend.data[1], 0), 0, &handle), GNTST_bad_page);
    assert_int_equal(map(give(b.d->id, friend.data[1], 0), GNTMAP_readonly, &handle),
                     GNTST_bad_page);
    /* A table of the granter's is not written. */
    assert_int_not_equal(map(give(b.d->id, a.table[0], 0), 0, &handle), GNTST_okay);
}

static unsigned ends, ends_with_lock;

static void see_end(struct frame_owner *owner)
{
    ends++;
    ends_with_lock += spin_is_locked(&b.d->paging->lock);
    domain_emptied(owner);
}

static void destroy(struct side *s)
{
    int r;

    s->d->frames.cpus = set_of(0);
    while ((r = domain_destroy(s->d)) == -ERESTART)
        ;
    assert_int_equal(r, 0);
}

/* A domain that is destroyed lets its entries for others' frames go before its grants: a frame that
 * is the last of a zombie goes with the grant, and with no lock held. */
static void a_zombies_last_frame_goes_without_a_lock(void **state)
{
    grant_handle_t handle;

    (void)state;
    assert_int_equal(map(give(b.d->id, a.data[1], 0), 0, &handle), GNTST_okay);
    become(&control);
    destroy(&a);
    assert_int_equal(a.d->life, DOMAIN_ZOMBIE);
    a.d->frames.emptied = see_end;
    destroy(&b);
    assert_int_equal(a.d->life, DOMAIN_GONE);
    assert_int_equal(ends, 1);
    assert_int_equal(ends_with_lock, 0);
}

static void a_guest_does_not_ask_about_anothers_grants(void **state)
{
    struct gnttab_query_size query = { .dom = a.d->id };
    struct gnttab_setup_table setup = { .dom = a.d->id, .nr_frames = 0 };
    struct gnttab_get_version version = { .dom = a.d->id };

    (void)state;
    hypercall_do_grant_table_op(GNTTABOP_query_size, ARG(&query), 1);
    assert_int_equal(query.status, GNTST_permission_denied);
    hypercall_do_grant_table_op(GNTTABOP_setup_table, ARG(&setup), 1);
    assert_int_equal(setup.status, GNTST_permission_denied);
    assert_int_equal(hypercall_do_grant_table_op(GNTTABOP_get_version, ARG(&version), 1), -EPERM);
}

static void refused(int64_t r)
{
    if (r >= 0)
        fail_msg("let in: %ld", r);
}

static int64_t update(uint64_t at, pte_t value, uint64_t foreign)
{
    struct mmu_update u = { at, value };

    return hypercall_do_mmu_update(ARG(&u), 1, 0, foreign);
}

static void tables_of_others_are_not_updated(void **state)
{
    uint64_t of_a = (uint64_t)(a.d->id + 1) << 16 | DOMID_SELF, at = slot_machine(&a, 1, 9);

    (void)state;
    refused(update(at, entry(b.data[1], PTE_RW), DOMID_SELF));
    refused(update(at, 0x1000, DOMID_SELF));
    refused(update(slot_machine(&a, 2, 9), 0, DOMID_SELF));
    refused(update(slot_machine(&a, 1, 0), 0, DOMID_SELF));
    assert_int_equal(update(at, entry(a.data[1], PTE_RW), of_a), -EPERM);
    refused(update(a.data[0].n << PAGE_SHIFT, 1, DOMID_SELF));
    assert_int_equal(*slot(&a, 1, 9), 0);
    assert_int_not_equal(*slot(&a, 1, 0), 0);
    become(&control);
    of_a = (uint64_t)(a.d->id + 1) << 16 | a.d->id;
    assert_int_equal(update(at, entry(a.data[1], PTE_RW), of_a), 0);
}

static void frames_of_others_are_not_mapped(void **state)
{
    uint64_t at = slot_machine(&b, 1, 9);

    (void)state;
    refused(update(at, entry(a.data[1], 0), DOMID_SELF));
    assert_int_equal(update(at, entry(a.data[1], 0), a.d->id), -EPERM);
    refused(update(slot_machine(&b, 2, 9), entry(a.table[0], 0), DOMID_SELF));
    refused(hypercall_do_update_va_mapping(VA, entry(a.data[1], 0), 0));
    assert_int_equal(
        hypercall_do_update_va_mapping_otherdomain(VA, entry(a.data[1], 0), 0, a.d->id), -EPERM);
    assert_int_equal(*slot(&b, 1, 9), 0);
    assert_int_equal(*slot(&b, 1, 1), 0);
}

/* A live entry gets no bit that a new one would not get; at any level, by any call. */
static void live_entries_keep_to_the_rules(void **state)
{
    static const uint64_t never[] = { PTE_PS, PTE_PWT, PTE_PCD };
    static const unsigned index[] = { 0, 0, 0, 0, 5 };
    pte_t old;

    (void)state;
    for (unsigned level = 1; level <= 4; level++) {
        old = *slot(&b, level, index[level]);
        for (unsigned i = 0; i < 3; i++)
            for (unsigned preserve = 0; preserve <= MMU_PT_UPDATE_PRESERVE_AD;
                 preserve += MMU_PT_UPDATE_PRESERVE_AD) {
                assert_int_equal(update(slot_machine(&b, level, index[level]) | preserve,
                                        old | never[i], DOMID_SELF),
                                 -EINVAL);
                assert_int_equal(*slot(&b, level, index[level]), old);
            }
    }
    assert_int_equal(hypercall_do_update_va_mapping(0x28000000000UL, *slot(&b, 1, 0) | PTE_PCD, 0),
                     -EINVAL);
    old = *slot(&b, 1, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(b.d->mode->store_exchange(b.v, slot(&b, 1, 0), old, old | never[i]),
                         -EINVAL);
    /* Nor is a table made writable, nor the hypervisor's slots anybody's. */
    refused(update(slot_machine(&b, 1, 9), entry(b.table[0], PTE_RW), DOMID_SELF));
    assert_int_equal(update(slot_machine(&b, 4, 260), entry(b.table[2], 0), DOMID_SELF), -EINVAL);
    assert_int_equal(update(slot_machine(&b, 4, 260), 0, DOMID_SELF), -EINVAL);
}

static void machine_to_physical_is_the_owners(void **state)
{
    uint64_t before = machine_to_physical(a.data[1]);

    (void)state;
    assert_int_equal(update(a.data[1].n << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 77, DOMID_SELF),
                     -EINVAL);
    assert_int_equal(machine_to_physical(a.data[1]), before);
    assert_int_equal(update(b.data[1].n << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 77, DOMID_SELF), 0);
    assert_int_equal(machine_to_physical(b.data[1]), 77);
}

static void extended_operations_keep_to_ones_own(void **state)
{
    (void)state;
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, a.data[2], 0, DOMID_SELF), -EINVAL);
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, a.data[2], 0, a.d->id), -EPERM);
    assert_int_equal(ext(MMUEXT_NEW_BASEPTR, a.table[3], 0, DOMID_SELF), -EINVAL);
    assert_int_equal(ext(MMUEXT_NEW_USER_BASEPTR, a.table[3], 0, DOMID_SELF), -EINVAL);
    assert_int_equal(ext(MMUEXT_CLEAR_PAGE, a.data[2], 0, DOMID_SELF), -EINVAL);
    assert_int_equal(ext(MMUEXT_CLEAR_PAGE, b.table[0], 0, DOMID_SELF), -EINVAL);
    assert_int_equal(ext(MMUEXT_COPY_PAGE, b.data[2], a.data[2].n, DOMID_SELF), -EINVAL);
    assert_int_equal(ext(MMUEXT_COPY_PAGE, a.data[2], b.data[2].n, DOMID_SELF), -EINVAL);
    assert_int_equal(ext(MMUEXT_FLUSH_CACHE, b.data[2], 0, DOMID_SELF), -EACCES);
    assert_int_equal(ext(MMUEXT_COPY_PAGE, b.data[2], b.data[1].n, DOMID_SELF), 0);
}

#define SEGMENT(type) (1UL << 47 | 1UL << 44 | (uint64_t)(type) << 40)
#define SYSTEM(type)  (1UL << 47 | (uint64_t)(type) << 40)

static void system_descriptors_are_refused(void **state)
{
    uint64_t *table = frame_virt(b.data[3]), d;

    (void)state;
    for (unsigned type = 1; type < 16; type++) {
        table[7] = SYSTEM(type);
        assert_int_equal(vcpu_set_gdt(b.v, &b.data[3].n, 512), -EINVAL);
        assert_int_equal(descriptor_update(b.d, b.data[3].n << PAGE_SHIFT, SYSTEM(type)), -EINVAL);
        d = SYSTEM(type) | 3UL << 45;
        assert_false(descriptor_check(&d));
    }
    table[7] = SEGMENT(10); /* of ring 0 */
    assert_int_equal(vcpu_set_gdt(b.v, &b.data[3].n, 512), 0);
    assert_int_equal(table[7], SEGMENT(10) | 3UL << 45);
    assert_int_equal(descriptor_update(b.d, b.data[3].n << PAGE_SHIFT, SYSTEM(12)), -EINVAL);
    refused(update(slot_machine(&b, 1, 9), entry(b.data[3], PTE_RW), DOMID_SELF));
    assert_int_equal(vcpu_set_gdt(b.v, &a.data[3].n, 512), -EINVAL);
    assert_int_equal(descriptor_update(b.d, a.data[3].n << PAGE_SHIFT, 0), -EINVAL);
    assert_int_equal(vcpu_set_gdt(b.v, &b.data[3].n, FIRST_RESERVED_GDT_ENTRY + 1), -EINVAL);
}

static int64_t event(unsigned op, void *arg)
{
    return hypercall_do_event_channel_op(op, ARG(arg));
}

static void a_port_is_for_whom_it_waits(void **state)
{
    struct evtchn_alloc_unbound theirs = { .dom = DOMID_SELF, .remote_dom = friend.d->id };
    struct evtchn_bind_interdomain bind = { .remote_dom = a.d->id };
    struct evtchn_send send = { 0 };

    (void)state;
    become(&a);
    assert_int_equal(event(EVTCHNOP_alloc_unbound, &theirs), 0);
    bind.remote_port = theirs.port;
    become(&b);
    assert_int_equal(event(EVTCHNOP_bind_interdomain, &bind), -EINVAL);
    become(&friend);
    assert_int_equal(event(EVTCHNOP_bind_interdomain, &bind), 0);
    assert_int_equal(event(EVTCHNOP_bind_interdomain, &bind), -EINVAL); /* it waits no more */
    send.port = bind.local_port;
    assert_int_equal(event(EVTCHNOP_send, &send), 0);
    become(&b);
    assert_int_equal(event(EVTCHNOP_send, &send), -EINVAL);
}

static void a_guest_has_no_hand_in_anothers_ports(void **state)
{
    struct evtchn_alloc_unbound theirs = { .dom = a.d->id, .remote_dom = DOMID_SELF };
    struct evtchn_status status = { .dom = a.d->id, .port = 1 };
    struct evtchn_reset reset = { .dom = a.d->id };
    struct evtchn_bind_pirq pirq = { .pirq = 4 };

    (void)state;
    assert_int_equal(event(EVTCHNOP_alloc_unbound, &theirs), -EPERM);
    assert_int_equal(event(EVTCHNOP_status, &status), -EPERM);
    assert_int_equal(event(EVTCHNOP_reset, &reset), -EPERM);
    assert_int_equal(event(EVTCHNOP_bind_pirq, &pirq), -EPERM);
}

static void scheduling_of_others_is_the_control_domains(void **state)
{
    struct sched_remote_shutdown s = { .domain_id = a.d->id, .reason = SHUTDOWN_poweroff };
    struct sched_pin_override p = { .pcpu = 0 };

    (void)state;
    shutdowns = 0;
    assert_int_equal(hypercall_do_sched_op(SCHEDOP_remote_shutdown, ARG(&s)), -EPERM);
    assert_int_equal(hypercall_do_sched_op(SCHEDOP_pin_override, ARG(&p)), -EPERM);
    assert_int_equal(shutdowns, 0);
    become(&control);
    assert_int_equal(hypercall_do_sched_op(SCHEDOP_remote_shutdown, ARG(&s)), 0);
    assert_int_equal(shutdowns, 1);
}

static void memory_of_others_stays_theirs(void **state)
{
    xen_pfn_t frame = a.data[4].n, out = 0;
    struct xen_memory_reservation res = { .extent_start = ARG(&frame),
                                          .nr_extents = 1,
                                          .domid = DOMID_SELF };
    struct xen_memory_domain whose = { a.d->id };
    struct xen_memory_exchange x = { .in = res, .out = res };
    struct xen_memory_map all = { .nr_entries = 64, .buffer = ARG(&out) };

    (void)state;
    assert_int_equal(hypercall_do_memory_op(XENMEM_decrease_reservation, ARG(&res)), 0);
    res.domid = a.d->id;
    assert_int_equal(hypercall_do_memory_op(XENMEM_decrease_reservation, ARG(&res)), -EPERM);
    assert_int_equal(hypercall_do_memory_op(XENMEM_populate_physmap, ARG(&res)), -EPERM);
    assert_int_equal(a.d->frames.count, 4 + FRAMES);
    assert_int_equal(hypercall_do_memory_op(XENMEM_current_reservation, ARG(&whose)), -EPERM);
    assert_int_equal(hypercall_do_memory_op(XENMEM_machine_memory_map, ARG(&all)), -EPERM);
    frame = b.data[4].n;
    x.out.extent_start = ARG(&out);
    assert_int_equal(hypercall_do_memory_op(XENMEM_exchange, ARG(&x)), -EPERM);
}

static void what_is_the_control_domains_is_gated(void **state)
{
    struct paravane_audit audit = { .domid = DOMID_SELF };
    struct paravane_latency latency = { .reset = 0 };
    struct paravane_counters counters = { .domid = a.d->id };
    struct paravane_screen_scroll scroll = { .half_screens = 1 };
    struct paravane_changed_domain changed = { 0 };
    struct paravane_audit_all all = { 0 };

    (void)state;
#define GATED_ANY(number, name)
#define GATED_CONTROL(number, name)                                \
    if (hypercall_table[number](0, 0, 0, DOMID_SELF, 0) != -EPERM) \
        fail_msg("%s is open", #name);
#define PICK_NO(number, name, caller)
#define PICK_YES(number, name, caller) GATED_##caller(number, name)
#define HYPERCALL(number, name, arguments, caller, support, summary) \
    PICK_##support(number, name, caller)
#include "model/cpu-sets.h"
#include "hypercall-abi/hypercalls.def"
#undef HYPERCALL
    refused(hypercall_table[NR_update_va_mapping_otherdomain](VA, 0, 0, DOMID_SELF, 0));
    assert_int_equal(hypercall_do_paravane_op(PARAVANEOP_audit, ARG(&audit)), -EPERM);
    assert_int_equal(hypercall_do_paravane_op(PARAVANEOP_latency, ARG(&latency)), -EPERM);
    assert_int_equal(hypercall_do_paravane_op(PARAVANEOP_counters, ARG(&counters)), -EPERM);
    assert_int_equal(hypercall_do_paravane_op(PARAVANEOP_screen_scroll, ARG(&scroll)), -EPERM);
    assert_int_equal(scroll.lines_back, 0);
    while (!domain_take_changed(&changed.domid))
        ; /* what the tests before this one have left */
    domain_set_changed(b.d);
    assert_int_equal(hypercall_do_paravane_op(PARAVANEOP_changed_domain, ARG(&changed)), -EPERM);
    assert_int_equal(hypercall_do_paravane_op(PARAVANEOP_audit_all, ARG(&all)), -EPERM);
    become(&control);
    assert_int_equal(hypercall_do_paravane_op(PARAVANEOP_changed_domain, ARG(&changed)), 0);
    assert_int_equal(changed.domid, b.d->id);
    assert_int_equal(hypercall_do_paravane_op(PARAVANEOP_changed_domain, ARG(&changed)), -ENOENT);
    assert_int_equal(hypercall_do_paravane_op(PARAVANEOP_screen_scroll, ARG(&scroll)), 0);
    assert_int_equal(scroll.lines_back, 7);
    assert_int_equal(hypercall_table[NR_domctl](0, 0, 0, 0, 0), LET_IN);
}

static void iret_gives_no_privilege(void **state)
{
    struct iret_context f = { .rip = 0x1000, .cs = 0xe008, .ss = 0, .rsp = 0x2000 };
    struct cpu_regs regs = { .rsp = ARG(&f) };

    (void)state;
    f.rflags = RFLAGS_IOPL | RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP;
    guest_iret(b.v, &regs);
    assert_int_equal(regs.rflags, RFLAGS_IF | RFLAGS_MBS);
    assert_int_equal(regs.cs & 3, 3);
    assert_int_equal(regs.ss & 3, 3);
    assert_int_equal(b.v->info->evtchn_upcall_mask, 1);
    f.rflags = RFLAGS_IF | RFLAGS_CF;
    regs.rsp = ARG(&f);
    guest_iret(b.v, &regs);
    assert_int_equal(regs.rflags, RFLAGS_IF | RFLAGS_MBS | RFLAGS_CF);
    assert_int_equal(b.v->info->evtchn_upcall_mask, 0);
}

static void the_hypervisors_addresses_are_not_the_guests(void **state)
{
    const uint64_t hole = 0x800000000000UL, end = HYPERVISOR_VIRT_END;

    (void)state;
    assert_true(guest_range_ok(hole - 8, 8));
    assert_false(guest_range_ok(hole - 8, 9));
    assert_false(guest_range_ok(hole - 8, UINT64_MAX));
    assert_false(guest_range_ok(hole, 0));
    assert_false(guest_range_ok(0, end));
    assert_false(guest_range_ok(0xffff800000000000UL, 1));
    assert_false(guest_range_ok(end - 1, 1));
    assert_false(guest_range_ok(end - 1, 2));
    assert_true(guest_range_ok(end, 1));
    assert_true(guest_range_ok(UINT64_MAX - 7, 8));
    assert_false(guest_range_ok(UINT64_MAX - 7, 9));
    assert_false(guest_range_ok(end, UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_grant_is_for_whom_it_was_given, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(a_read_only_grant_is_not_written, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(a_grant_of_anothers_frame_is_none, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(a_grant_whose_parts_go_by_two_vcpus_ends_after_a_flush,
                                        sides_up, sides_down),
        cmocka_unit_test_setup_teardown(a_zombies_last_frame_goes_without_a_lock, sides_up,
                                        sides_down),
        cmocka_unit_test_setup_teardown(a_guest_does_not_ask_about_anothers_grants, sides_up,
                                        sides_down),
        cmocka_unit_test_setup_teardown(tables_of_others_are_not_updated, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(frames_of_others_are_not_mapped, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(live_entries_keep_to_the_rules, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(machine_to_physical_is_the_owners, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(extended_operations_keep_to_ones_own, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(system_descriptors_are_refused, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(a_port_is_for_whom_it_waits, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(a_guest_has_no_hand_in_anothers_ports, sides_up,
                                        sides_down),
        cmocka_unit_test_setup_teardown(scheduling_of_others_is_the_control_domains, sides_up,
                                        sides_down),
        cmocka_unit_test_setup_teardown(memory_of_others_stays_theirs, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(what_is_the_control_domains_is_gated, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(iret_gives_no_privilege, sides_up, sides_down),
        cmocka_unit_test_setup_teardown(the_hypervisors_addresses_are_not_the_guests, sides_up,
                                        sides_down),
    };

    model_memory_up();
    model_seed(1);
    lifecycle_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

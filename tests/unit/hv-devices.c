/*
 * Devices' interrupts from the wire to the port, and what physdev_op and platform_op refuse.
 *
 * Sources: hypervisor/hypercalls/devices.c hypervisor/hypercalls/events.c
 * hypervisor/hypercalls/target.c hypervisor/events/device-irq.c hypervisor/events/binding.c
 * hypervisor/events/delivery.c hypervisor/events/fifo-queues.c hypervisor/events/port-table.c
 * hypervisor/domain/domain.c hypervisor/domain/guest-memory.c hypervisor/lib/print.c
 *
 * Flags: -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "events/device-irq.h"
#include "events/port.h"
#include "hypercall-abi/events.h"
#include "hypercall-abi/physdev.h"
#include "hypercall-abi/platform.h"
#include "hypercalls/handlers.h"
#include "lib/errno.h"
#include "machine/interrupts.h"
#include "unit/fake-devices.h"

#define ARG(x) ((uint64_t)(uintptr_t)(x))
#define GSI    20 /* level, active low */

static struct domain control, guest;
static struct vcpu vcpus[4];
static struct shared_info shared[2];

static void domain_up(struct domain *d, unsigned n, bool privileged)
{
    *d = (struct domain){ .id = (domid_t)n, .privileged = privileged, .max_vcpus = 2 };
    d->references = 1;
    d->shared_info = &shared[n];
    for (unsigned i = 0; i < 2; i++) {
        d->vcpus[i] = &vcpus[2 * n + i];
        *d->vcpus[i] = (struct vcpu){ .domain = d, .id = i };
        d->vcpus[i]->info = &shared[n].vcpu_info[i];
    }
    assert_int_equal(event_ports_create(d, 1023), 0);
    assert_int_equal(domain_list_add(d), 0);
}

static void become(struct domain *d)
{
    this_cpu()->vcpu = d->vcpus[0];
}

void fifo_free(struct domain *d, struct fifo *fifo)
{
    (void)d, (void)fifo;
    fail_msg("nobody asked for this format");
}

int fifo_control_block(struct domain *d, unsigned vcpu, uint64_t gfn, uint32_t offset)
{
    (void)d, (void)vcpu, (void)gfn, (void)offset;
    return -EINVAL;
}

int fifo_expand(struct domain *d, uint64_t gfn)
{
    (void)d, (void)gfn;
    return -EINVAL;
}

static int up(void **state)
{
    (void)state;
    memset(shared, 0, sizeof(shared));
    domain_up(&control, 0, true);
    domain_up(&guest, 1, false);
    control_domain = &control;
    device_irqs_init();
    become(&control);
    return 0;
}

static int down(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct domain *d = n ? &guest : &control;

        assert_int_equal(ports_close_all(d, true), 0);
        device_irqs_unmap_all(d);
        event_ports_destroy(d);
        domain_list_remove(d);
    }
    return 0;
}

static int64_t physdev(unsigned op, void *arg)
{
    return hypercall_do_physdev_op(op, ARG(arg));
}

static int64_t event(unsigned op, void *arg)
{
    return hypercall_do_event_channel_op(op, ARG(arg));
}

static struct physdev_map_pirq line(int gsi)
{
    return (struct physdev_map_pirq){
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = gsi, .pirq = gsi
    };
}

/* A line mapped and bound: its port. */
static evtchn_port_t bound(int gsi)
{
    struct physdev_map_pirq map = line(gsi);
    struct evtchn_bind_pirq bind = { .pirq = (uint32_t)gsi };

    assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), 0);
    assert_int_equal(event(EVTCHNOP_bind_pirq, &bind), 0);
    return bind.port;
}

static bool told(unsigned vcpu)
{
    struct vcpu_info *info = control.vcpus[vcpu]->info;
    bool was = info->evtchn_upcall_pending;

    info->evtchn_upcall_pending = 0;
    info->evtchn_pending_sel = 0;
    memset(shared[0].evtchn_pending, 0, sizeof(shared[0].evtchn_pending));
    return was;
}

static void an_interrupt_goes_to_the_vcpu_its_port_is_bound_to(void **state)
{
    evtchn_port_t port = bound(GSI);
    struct evtchn_bind_vcpu bind = { .port = port, .vcpu = 1 };
    struct physdev_eoi eoi = { .irq = GSI };

    (void)state;
    fake_line_fires(GSI);
    assert_true(told(0) && !told(1));
    assert_int_equal(physdev(PHYSDEVOP_eoi, &eoi), 0);
    assert_int_equal(event(EVTCHNOP_bind_vcpu, &bind), 0);
    fake_line_fires(GSI);
    assert_true(!told(0) && told(1));
    assert_int_equal(physdev(PHYSDEVOP_eoi, &eoi), 0);
    bind.vcpu = 0;
    assert_int_equal(event(EVTCHNOP_bind_vcpu, &bind), 0);
    fake_line_fires(GSI);
    assert_true(told(0) && !told(1));
}

/* Bound anew, a line is the first vCPU's again: nobody asked for another. */
static void a_line_bound_anew_begins_with_the_first_vcpu(void **state)
{
    struct evtchn_bind_vcpu bind = { .port = bound(GSI), .vcpu = 1 };
    struct evtchn_close close = { .port = bind.port };
    struct evtchn_bind_pirq again = { .pirq = GSI };

    (void)state;
    assert_int_equal(event(EVTCHNOP_bind_vcpu, &bind), 0);
    assert_int_equal(event(EVTCHNOP_close, &close), 0);
    fake_line_fires(GSI);
    assert_false(told(0) || told(1));
    assert_int_equal(event(EVTCHNOP_bind_pirq, &again), 0);
    fake_line_fires(GSI);
    assert_true(told(0) && !told(1));
}

static void a_port_moves_to_vcpus_there_are(void **state)
{
    static const uint32_t none[] = { 2, 64, 4000, 0x7fffffff, 0x80000000, 0xffffffff };
    struct evtchn_bind_vcpu bind = { .port = bound(GSI) };
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
        bind.vcpu = ipi.vcpu = none[i];
        assert_int_equal(event(EVTCHNOP_bind_vcpu, &bind), -ENOENT);
        assert_int_equal(event(EVTCHNOP_bind_ipi, &ipi), -ENOENT);
    }
    fake_line_fires(GSI);
    assert_true(told(0));
    bind = (struct evtchn_bind_vcpu){ .port = 900, .vcpu = 1 };
    assert_int_equal(event(EVTCHNOP_bind_vcpu, &bind), -EINVAL);
    bind.port = UINT32_MAX;
    assert_int_equal(event(EVTCHNOP_bind_vcpu, &bind), -EINVAL);
}

/* A level line stays masked until the guest has served it, whoever else says so. */
static void a_level_line_waits_for_its_owner(void **state)
{
    struct physdev_eoi eoi = { .irq = GSI };

    (void)state;
    bound(GSI);
    assert_false(fake_lines[GSI].masked);
    fake_line_fires(GSI);
    assert_true(fake_lines[GSI].masked);
    become(&guest);
    assert_int_equal(physdev(PHYSDEVOP_eoi, &eoi), -EINVAL);
    assert_true(fake_lines[GSI].masked);
    become(&control);
    assert_int_equal(physdev(PHYSDEVOP_eoi, &eoi), 0);
    assert_false(fake_lines[GSI].masked);
}

static void devices_are_the_control_domains(void **state)
{
    static const unsigned ops[] = {
        PHYSDEVOP_apic_read,          PHYSDEVOP_apic_write,        PHYSDEVOP_alloc_irq_vector,
        PHYSDEVOP_map_pirq,           PHYSDEVOP_unmap_pirq,        PHYSDEVOP_setup_gsi,
        PHYSDEVOP_manage_pci_add,     PHYSDEVOP_manage_pci_remove, PHYSDEVOP_manage_pci_add_ext,
        PHYSDEVOP_pci_mmcfg_reserved, PHYSDEVOP_pci_device_add,    PHYSDEVOP_pci_device_remove,
        PHYSDEVOP_prepare_msix,       PHYSDEVOP_release_msix,
    };
    struct physdev_map_pirq map = line(GSI);
    struct evtchn_bind_pirq bind = { .pirq = GSI };
    uint64_t room[16] = { 0 };

    (void)state;
    become(&guest);
    for (unsigned i = 0; i < ARRAY_SIZE(ops); i++)
        assert_int_equal(physdev(ops[i], room), -EPERM);
    assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), -EPERM);
    assert_int_equal(event(EVTCHNOP_bind_pirq, &bind), -EPERM);
    become(&control);
    map.domid = guest.id;
    assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), -EPERM);
    bound(GSI);
    become(&guest);
    control.privileged = false;
    guest.privileged = true; /* a line belongs to whom it is mapped, not to who may map */
    map = line(GSI);
    assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), -EBUSY);
    assert_int_equal(event(EVTCHNOP_bind_pirq, &bind), -EINVAL);
    assert_int_equal(physdev(PHYSDEVOP_unmap_pirq,
                             &(struct physdev_unmap_pirq){ .domid = DOMID_SELF, .pirq = GSI }),
                     -EINVAL);
    assert_int_equal(physdev(PHYSDEVOP_unmap_pirq,
                             &(struct physdev_unmap_pirq){ .domid = control.id, .pirq = GSI }),
                     -EPERM);
    control.privileged = true;
}

static const uint32_t beyond[] = { FAKE_LINES, 4000, 0x7fffffff, 0x80000000, 0xffffffff };

static void numbers_of_lines_have_an_end(void **state)
{
    struct physdev_map_pirq map;

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(beyond); i++) {
        struct physdev_setup_gsi setup = { .gsi = (int)beyond[i] };
        struct physdev_irq irq = { .irq = beyond[i] };
        struct physdev_eoi eoi = { .irq = beyond[i] };
        struct evtchn_bind_pirq bind = { .pirq = beyond[i] };

        map = line((int)beyond[i]);
        assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), -EINVAL);
        map.pirq = -1;
        assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), -EINVAL);
        assert_int_equal(physdev(PHYSDEVOP_setup_gsi, &setup), -EINVAL);
        assert_int_equal(physdev(PHYSDEVOP_alloc_irq_vector, &irq), -EINVAL);
        assert_int_equal(physdev(PHYSDEVOP_eoi, &eoi), -EINVAL);
        assert_int_equal(event(EVTCHNOP_bind_pirq, &bind), -EINVAL);
    }
    for (unsigned i = 1; i < ARRAY_SIZE(beyond); i++) {
        struct physdev_irq_status_query query = { .irq = beyond[i] };

        assert_int_equal(physdev(PHYSDEVOP_irq_status_query, &query), -EINVAL);
    }
    map = line(3);
    map.pirq = 4; /* a line has its own number */
    assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), -EINVAL);
}

static struct physdev_map_pirq message(int entry)
{
    return (struct physdev_map_pirq){ .domid = DOMID_SELF,
                                      .type = MAP_PIRQ_TYPE_MSI,
                                      .pirq = -1,
                                      .entry_nr = entry,
                                      .table_base = 0x1000 };
}

static void messages_stay_in_their_devices_table(void **state)
{
    static const int outside[] = { FAKE_MSIX_ENTRIES, 4000, 0x7fffffff, -1, -0x7fffffff - 1 };
    struct physdev_map_pirq map = message(0);

    (void)state;
    assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), 0);
    assert_true(map.pirq >= FAKE_LINES);
    for (unsigned i = 0; i < ARRAY_SIZE(outside); i++) {
        map = message(outside[i]);
        assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), -EINVAL);
    }
    map = message(1);
    map.bus = 1 << 16; /* of another PCI segment, which this type has not */
    assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), -ENODEV);
    map = message(1);
    map.pirq = 5; /* a line's number */
    assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), -EINVAL);
    map.pirq = MAX_IRQS;
    assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), -EINVAL);
    map = message(2);
    map.type = MAP_PIRQ_TYPE_MULTI_MSI;
    assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), -EOPNOTSUPP);
    map.type = 77;
    assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), -EINVAL);
}

static struct physdev_map_pirq far_message(uint64_t table, int entry)
{
    struct physdev_map_pirq map = message(entry);

    map.type = MAP_PIRQ_TYPE_MSI_SEG;
    map.bus = (int32_t)0x80010042;
    map.devfn = 0x19;
    map.table_base = table;
    return map;
}

static int far_mapped(uint64_t table, int entry)
{
    struct physdev_map_pirq map = far_message(table, entry);

    return physdev(PHYSDEVOP_map_pirq, &map);
}

/* By the control domain's word, and nowhere it may not write itself. */
static void messages_of_other_segments(void **state)
{
    struct physdev_map_pirq map = message(3);

    (void)state;
    map.type = MAP_PIRQ_TYPE_MSI_SEG;
    assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), 0);
    assert_false(programmed.table_only);
    assert_int_equal(page_mapped, 0x1000 + 3 * 16);
    assert_int_equal(far_mapped(FAKE_RAM + 0x2000, 3), 0);
    assert_true(programmed.msix && programmed.table_only);
    assert_int_equal(programmed.entry, 3);
    assert_int_equal(page_mapped, FAKE_RAM + 0x2030);
    assert_int_equal(far_mapped(FAKE_RAM + 0x2000, 2047), 0);
    assert_int_equal(page_mapped, FAKE_RAM + 0x2000 + 2047 * 16);
    page_mapped = 0;
    assert_int_equal(far_mapped(FAKE_RAM + 0x2000, 2048), -EINVAL);
    assert_int_equal(far_mapped(FAKE_RAM + 0x2000, -1), -EINVAL);
    assert_int_equal(far_mapped(FAKE_RAM - 16, 0), -EINVAL);
    assert_int_equal(far_mapped(-0x20UL, 3), -EINVAL); /* goes round, into the first page */
    assert_int_equal(far_mapped(FAKE_RAM + 0xff8, 0), -EINVAL);
    assert_int_equal(far_mapped(FAKE_RAM + 4, 0), -EINVAL);
    assert_int_equal(far_mapped(0, 0), -ENODEV); /* its registers are out of reach */
    map = far_message(FAKE_RAM, 1);
    map.type = MAP_PIRQ_TYPE_MULTI_MSI;
    assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), -ENODEV);
    assert_int_equal(page_mapped, 0);
}

/* Who moves a device's registers into RAM has no table there. */
static void tables_of_devices_are_not_in_ram(void **state)
{
    struct physdev_map_pirq map = message(0);

    (void)state;
    fake_msix_table = 0x3000;
    page_mapped = 0;
    assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), -EINVAL);
    fake_msix_table = FAKE_RAM + 0xff8;
    map = message(0);
    assert_int_equal(physdev(PHYSDEVOP_map_pirq, &map), -EINVAL);
    assert_int_equal(page_mapped, 0);
    fake_msix_table = 0x1000;
}

static void io_privileges_have_their_ranges(void **state)
{
    struct physdev_set_iopl iopl = { .iopl = 3 };
    struct physdev_set_iobitmap bitmap = { .bitmap = 0x1000, .nr_ports = 65536 };
    struct physdev_get_free_pirq pirq = { .type = 99 };

    (void)state;
    become(&guest);
    assert_int_equal(physdev(PHYSDEVOP_set_iopl, &iopl), 0);
    iopl.iopl = 4;
    assert_int_equal(physdev(PHYSDEVOP_set_iopl, &iopl), -EINVAL);
    assert_int_equal(guest.vcpus[0]->iopl, 3);
    assert_int_equal(physdev(PHYSDEVOP_set_iobitmap, &bitmap), 0);
    bitmap.nr_ports = 65537;
    assert_int_equal(physdev(PHYSDEVOP_set_iobitmap, &bitmap), -EINVAL);
    bitmap = (struct physdev_set_iobitmap){ .bitmap = 0xffff830000000000UL, .nr_ports = 8 };
    assert_int_equal(physdev(PHYSDEVOP_set_iobitmap, &bitmap), -EINVAL);
    bitmap.bitmap = 0x800000000000UL - 8191; /* its end */
    assert_int_equal(physdev(PHYSDEVOP_set_iobitmap, &bitmap), -EINVAL);
    assert_int_equal(guest.vcpus[0]->io_bitmap_ports, 65536);
    assert_int_equal(physdev(PHYSDEVOP_get_free_pirq, &pirq), -EINVAL);
    assert_int_equal(physdev(PHYSDEVOP_set_iopl, (void *)0xffff830000000000UL), -EFAULT);
    assert_int_equal(physdev(99, &iopl), -ENOSYS);
}

static void the_platform_is_asked_in_this_version(void **state)
{
    struct xen_platform_op op = { .cmd = XENPF_enter_acpi_sleep, .interface_version = 1 };

    (void)state;
    op.u.enter_acpi_sleep.sleep_state = 5;
    assert_int_equal(hypercall_do_platform_op(ARG(&op)), -EACCES);
    assert_int_equal(fake_sleeps, 0);
    op.interface_version = XENPF_INTERFACE_VERSION;
    op.u.enter_acpi_sleep.sleep_state = 3;
    assert_int_equal(hypercall_do_platform_op(ARG(&op)), -EOPNOTSUPP);
    assert_int_equal(fake_sleeps, 0);
    op.u.enter_acpi_sleep.sleep_state = 5;
    assert_int_equal(hypercall_do_platform_op(ARG(&op)), -EIO);
    assert_int_equal(fake_sleeps, 1);
    op.cmd = XENPF_settime64;
    op.u.settime64.nsecs = 1000000000;
    assert_int_equal(hypercall_do_platform_op(ARG(&op)), -EINVAL);
    op.cmd = XENPF_get_cpuinfo;
    op.u.pcpu_info.xen_cpuid = 0xffffffff;
    assert_int_equal(hypercall_do_platform_op(ARG(&op)), 0);
    assert_int_equal(op.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
    op.cmd = 9999;
    assert_int_equal(hypercall_do_platform_op(ARG(&op)), -ENOSYS);
}

static int firmware(struct xen_platform_op *op, uint32_t type, uint32_t index)
{
    *op = (struct xen_platform_op){ .cmd = XENPF_firmware_info,
                                    .interface_version = XENPF_INTERFACE_VERSION };
    op->u.firmware_info.type = type;
    op->u.firmware_info.index = index;
    return (int)hypercall_do_platform_op(ARG(op));
}

static void the_firmwares_tables_are_told(void **state)
{
    struct xen_platform_op op;

    (void)state;
    efi_facts = (struct efi_facts){ 0 };
    assert_int_equal(firmware(&op, XEN_FW_EFI_INFO, XEN_FW_EFI_CONFIG_TABLE), -ESRCH);
    assert_int_equal(firmware(&op, XEN_FW_DISK_INFO, 0), -ESRCH);
    efi_facts = (struct efi_facts){ true, 0x20046, 0x7f9ec018, 11 };
    assert_int_equal(firmware(&op, XEN_FW_EFI_INFO, XEN_FW_EFI_CONFIG_TABLE), 0);
    assert_int_equal(op.u.firmware_info.u.efi_config.address, 0x7f9ec018);
    assert_int_equal(op.u.firmware_info.u.efi_config.entries, 11);
    assert_int_equal(firmware(&op, XEN_FW_EFI_INFO, XEN_FW_EFI_VERSION), 0);
    assert_int_equal(op.u.firmware_info.u.efi_version, 0x20046);
    assert_int_equal(firmware(&op, XEN_FW_EFI_INFO, 2), -EOPNOTSUPP);
    assert_int_equal(firmware(&op, XEN_FW_DISK_INFO, 0), -ESRCH);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        CASE(an_interrupt_goes_to_the_vcpu_its_port_is_bound_to),
        CASE(a_line_bound_anew_begins_with_the_first_vcpu),
        CASE(a_port_moves_to_vcpus_there_are),
        CASE(a_level_line_waits_for_its_owner),
        CASE(devices_are_the_control_domains),
        CASE(numbers_of_lines_have_an_end),
        CASE(messages_stay_in_their_devices_table),
        CASE(messages_of_other_segments),
        CASE(tables_of_devices_are_not_in_ram),
        CASE(io_privileges_have_their_ranges),
        CASE(the_platform_is_asked_in_this_version),
        CASE(the_firmwares_tables_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

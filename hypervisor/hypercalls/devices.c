/* physdev_op and platform_op. */
#include "hypercall-abi/physdev.h"
#include "domain/guest-memory.h"
#include "events/device-irq.h"
#include "guest-cpu/guest-clock.h"
#include "guest-paging/entry-references.h"
#include "hypercall-abi/platform.h"
#include "hypercalls/handlers.h"
#include "lib/errno.h"
#include "machine/clock.h"
#include "machine/efi.h"
#include "machine/ioapic.h"
#include "machine/power.h"
#include "memory/hypervisor-mappings.h"

#define MSIX_ENTRY_BYTES 16
#define MSIX_ENTRIES_MAX 2048 /* PCI 3.0, 6.8.2.3 */

static int set_iopl(struct vcpu *v, uint64_t arg)
{
    struct physdev_set_iopl op;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    if (op.iopl > 3)
        return -EINVAL;
    v->iopl = op.iopl;
    return 0;
}

static int set_iobitmap(struct vcpu *v, uint64_t arg)
{
    struct physdev_set_iobitmap op;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    if (!guest_range_ok(op.bitmap, 8192) || op.nr_ports > 65536)
        return -EINVAL;
    v->io_bitmap = op.bitmap;
    v->io_bitmap_ports = op.nr_ports;
    return 0;
}

/*
 * Where a device's MSI-X table is.  In segment 0 the device says it; in others, whose registers are
 * out of reach here, the control domain does, and is believed where it might write itself.
 */
static int message_table(const struct physdev_map_pirq *op, struct msi_target *t, uint64_t *table,
                         unsigned *entries)
{
    t->table_only = op->bus >> 16;
    if (!t->table_only)
        return msix_table_find(t->device, table, entries);
    *table = op->table_base;
    *entries = MSIX_ENTRIES_MAX;
    return 0;
}

/* The target of a message: MSI, or one entry of the device's MSI-X table. */
static int message_target(struct domain *d, const struct physdev_map_pirq *op, struct msi_target *t)
{
    uint64_t place;
    unsigned entries;
    int r;

    *t = (struct msi_target){ .device = { (uint8_t)op->bus, (uint8_t)op->devfn } };
    if (!op->table_base)
        return !(op->bus >> 16) && msi_present(t->device) ? 0 : -ENODEV;
    r = message_table(op, t, &place, &entries);
    if (r)
        return r;
    if (op->entry_nr < 0 || (unsigned)op->entry_nr >= entries)
        return -EINVAL;
    place += (unsigned)op->entry_nr * MSIX_ENTRY_BYTES;
    /* Of tables that may begin at any multiple of 8 an entry could go on in the next page, which is
     * not mapped. */
    if (place % 8 || place % PAGE_SIZE > PAGE_SIZE - MSIX_ENTRY_BYTES ||
        !device_frame_allowed(d, mfn(place >> PAGE_SHIFT)))
        return -EINVAL;
    t->msix = true;
    t->entry = (unsigned)op->entry_nr;
    t->slot = device_page_map(place);
    return t->slot ? 0 : -ENOSPC;
}

static int message_map(struct domain *d, struct physdev_map_pirq *op)
{
    struct msi_target target;
    int r = message_target(d, op, &target);

    return r ? r : device_irq_map_message(d, &target, &op->pirq);
}

static int map_pirq(struct domain *d, uint64_t arg)
{
    struct physdev_map_pirq op;
    int r;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    if (op.domid != DOMID_SELF && op.domid != d->id)
        return -EPERM;
    switch (op.type) {
    case MAP_PIRQ_TYPE_GSI:
        r = op.index < 0 ? -EINVAL : device_irq_map_line(d, (unsigned)op.index, &op.pirq);
        break;
    case MAP_PIRQ_TYPE_MSI:
        if (op.bus >> 16)
            return -ENODEV; /* this type has one segment */
        r = message_map(d, &op);
        break;
    case MAP_PIRQ_TYPE_MULTI_MSI:
        if (op.entry_nr != 1)
            return -EOPNOTSUPP; /* one message a device */
        op.table_base = 0;
        /* fall through */
    case MAP_PIRQ_TYPE_MSI_SEG:
        r = message_map(d, &op);
        break;
    default:
        return -EINVAL;
    }
    return r ? r : guest_write(arg, &op, sizeof(op));
}

static int unmap_pirq(struct domain *d, uint64_t arg)
{
    struct physdev_unmap_pirq op;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    if (op.domid != DOMID_SELF && op.domid != d->id)
        return -EPERM;
    return device_irq_unmap(d, op.pirq);
}

static int apic_access(uint64_t arg, bool write)
{
    struct physdev_apic op;
    int r;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    if (write)
        return -EOPNOTSUPP; /* lines are routed by binding them, not by writing registers */
    r = ioapic_read_register(op.apic_physbase, op.reg, &op.value);
    return r ? r : guest_write(arg, &op, sizeof(op));
}

static int irq_vector(uint64_t arg)
{
    struct physdev_irq op;
    int r;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    r = device_irq_vector(op.irq, &op.vector);
    return r ? r : guest_write(arg, &op, sizeof(op));
}

static int setup_gsi(uint64_t arg)
{
    struct physdev_setup_gsi op;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    return op.gsi < 0 ? -EINVAL
                      : device_irq_setup_line((unsigned)op.gsi, op.triggering, op.polarity);
}

static int get_free_pirq(struct domain *d, uint64_t arg)
{
    struct physdev_get_free_pirq op;
    int n;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    if (op.type != MAP_PIRQ_TYPE_MSI && op.type != MAP_PIRQ_TYPE_GSI)
        return -EINVAL;
    n = device_irq_free_number(d);
    if (n < 0)
        return n;
    op.pirq = (uint32_t)n;
    return guest_write(arg, &op, sizeof(op));
}

static int irq_status(struct domain *d, uint64_t arg)
{
    struct physdev_irq_status_query op;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    if (!device_irq_exists(op.irq))
        return -EINVAL;
    op.flags = device_irq_needs_eoi(d, op.irq) ? XENIRQSTAT_needs_eoi : 0;
    return guest_write(arg, &op, sizeof(op));
}

static int eoi(struct domain *d, uint64_t arg)
{
    struct physdev_eoi op;

    return guest_read(&op, arg, sizeof(op)) ? -EFAULT : device_irq_eoi(d, op.irq);
}

static int64_t privileged_physdev(struct domain *d, uint64_t cmd, uint64_t arg)
{
    if (!d->privileged)
        return -EPERM;
    switch (cmd) {
    case PHYSDEVOP_apic_read:
    case PHYSDEVOP_apic_write:
        return apic_access(arg, cmd == PHYSDEVOP_apic_write);
    case PHYSDEVOP_alloc_irq_vector:
        return irq_vector(arg);
    case PHYSDEVOP_map_pirq:
        return map_pirq(d, arg);
    case PHYSDEVOP_unmap_pirq:
        return unmap_pirq(d, arg);
    case PHYSDEVOP_setup_gsi:
        return setup_gsi(arg);
    default:
        return 0; /* reports about devices: nothing here depends on them */
    }
}

int64_t hypercall_do_physdev_op(uint64_t cmd, uint64_t arg)
{
    struct vcpu *v = current_vcpu();

    switch (cmd) {
    case PHYSDEVOP_set_iopl:
        return set_iopl(v, arg);
    case PHYSDEVOP_set_iobitmap:
        return set_iobitmap(v, arg);
    case PHYSDEVOP_irq_status_query:
        return irq_status(v->domain, arg);
    case PHYSDEVOP_eoi:
        return eoi(v->domain, arg);
    case PHYSDEVOP_get_free_pirq:
        return get_free_pirq(v->domain, arg);
    case PHYSDEVOP_apic_read:
    case PHYSDEVOP_apic_write:
    case PHYSDEVOP_alloc_irq_vector:
    case PHYSDEVOP_map_pirq:
    case PHYSDEVOP_unmap_pirq:
    case PHYSDEVOP_setup_gsi:
    case PHYSDEVOP_manage_pci_add:
    case PHYSDEVOP_manage_pci_remove:
    case PHYSDEVOP_manage_pci_add_ext:
    case PHYSDEVOP_pci_mmcfg_reserved:
    case PHYSDEVOP_pci_device_add:
    case PHYSDEVOP_pci_device_remove:
    case PHYSDEVOP_prepare_msix:
    case PHYSDEVOP_release_msix:
        return privileged_physdev(v->domain, cmd, arg);
    default:
        return -ENOSYS;
    }
}

/* Every domain's wall clock follows. */
static int set_time(uint64_t seconds, uint32_t nanoseconds, uint64_t system_time)
{
    struct domain *d;

    if (nanoseconds >= 1000000000)
        return -EINVAL;
    clock_wall_set(seconds, nanoseconds, system_time);
    for (domid_t id = 0; (d = domain_get_next(id)); domain_put(d)) {
        if (d->life == DOMAIN_ALIVE)
            guest_wall_clock_update(d);
        id = (domid_t)(d->id + 1);
    }
    return 0;
}

static int get_cpuinfo(struct xenpf_pcpuinfo *c)
{
    uint32_t id = c->xen_cpuid;

    c->max_present = cpu_count - 1;
    if (id >= cpu_count) {
        c->flags = XEN_PCPU_FLAGS_INVALID;
        return 0;
    }
    c->flags = XEN_PCPU_FLAGS_ONLINE;
    c->apic_id = cpu_table[id]->apic_id;
    c->acpi_id = cpu_table[id]->acpi_id;
    return 0;
}

/* What the boot loader passes on.  No runtime services: dom0 has their tables, not their code. */
static int firmware_info(struct xenpf_firmware_info *f)
{
    if (f->type == XEN_FW_KBD_SHIFT_FLAGS) {
        f->u.kbd_shift_flags = 0;
        return 0;
    }
    if (f->type != XEN_FW_EFI_INFO || !efi_facts.present)
        return -ESRCH;
    if (f->index == XEN_FW_EFI_VERSION) {
        f->u.efi_version = efi_facts.version;
        return 0;
    }
    if (f->index != XEN_FW_EFI_CONFIG_TABLE)
        return -EOPNOTSUPP;
    f->u.efi_config.address = efi_facts.config_tables;
    f->u.efi_config.entries = efi_facts.config_tables_count;
    return 0;
}

int64_t hypercall_do_platform_op(uint64_t arg)
{
    struct xen_platform_op op;
    int r;

    if (guest_read(&op, arg, sizeof(op)))
        return -EFAULT;
    if (op.interface_version != XENPF_INTERFACE_VERSION)
        return -EACCES;
    switch (op.cmd) {
    case XENPF_settime32:
        return set_time(op.u.settime32.secs, op.u.settime32.nsecs, op.u.settime32.system_time);
    case XENPF_settime64:
        return set_time(op.u.settime64.secs, op.u.settime64.nsecs, op.u.settime64.system_time);
    case XENPF_firmware_info:
        r = firmware_info(&op.u.firmware_info);
        break;
    case XENPF_enter_acpi_sleep:
        if (op.u.enter_acpi_sleep.sleep_state != 5)
            return -EOPNOTSUPP;
        power_enter_sleep(op.u.enter_acpi_sleep.val_a, op.u.enter_acpi_sleep.val_b,
                          op.u.enter_acpi_sleep.flags & XENPF_ACPI_SLEEP_EXTENDED);
        return -EIO; /* still here */
    case XENPF_get_cpuinfo:
        r = get_cpuinfo(&op.u.pcpu_info);
        break;
    default:
        return -ENOSYS;
    }
    return r ? r : guest_write(arg, &op, sizeof(op));
}

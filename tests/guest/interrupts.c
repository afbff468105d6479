/*
 * Devices as the initial domain meets them: PCI devices reported, interrupt lines mapped and
 * bound, the IO-APIC read, the firmware asked.  A guest gets none of it.
 */
#include "guest-test.h"
#include "hypercall-abi/events.h"
#include "hypercall-abi/physdev.h"
#include "hypercall-abi/platform.h"
#include "pv-kernel/event-ports.h"

static int64_t physdev(unsigned int op, void *arg)
{
    return hypercall_physdev_op(op, HYPERCALL_ARG(arg));
}

static void lines(bool ours)
{
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 10, .pirq = 10
    };
    struct physdev_setup_gsi setup = { .gsi = 10, .triggering = 1, .polarity = 1 };
    struct physdev_unmap_pirq unmap = { .domid = DOMID_SELF, .pirq = 10 };
    struct evtchn_bind_pirq again = { .pirq = 10 };
    evtchn_port_t port;

    check("setup GSI", physdev(PHYSDEVOP_setup_gsi, &setup), ours ? 0 : -XEN_EPERM);
    check("map GSI", physdev(PHYSDEVOP_map_pirq, &map), ours ? 0 : -XEN_EPERM);
    if (!ours)
        return;
    check("as asked", map.pirq, 10);
    check("bind", event_port_bind_pirq(10, true, &port), 0);
    check("bind twice", hypercall_event_channel_op(EVTCHNOP_bind_pirq, HYPERCALL_ARG(&again)),
          -XEN_EEXIST);
    check("close", event_port_close(port), 0);
    check("unmap", physdev(PHYSDEVOP_unmap_pirq, &unmap), 0);
    check("unmap twice", physdev(PHYSDEVOP_unmap_pirq, &unmap), -XEN_EINVAL);
    map.index = 5000;
    map.pirq = -1;
    check("no such GSI", physdev(PHYSDEVOP_map_pirq, &map), -XEN_EINVAL);
    map.type = 77;
    check("unknown kind", physdev(PHYSDEVOP_map_pirq, &map), -XEN_EINVAL);
}

static void devices(bool ours)
{
    uint64_t room[4] = { 0 };
    struct physdev_pci_device_add *add = (struct physdev_pci_device_add *)room;
    struct physdev_pci_device gone = { .bus = 0, .devfn = 0 };
    struct physdev_apic apic = { .apic_physbase = 0xfec00000, .reg = 1 };
    struct xen_platform_op op = { .cmd = XENPF_get_cpuinfo,
                                  .interface_version = XENPF_INTERFACE_VERSION };

    check("report a PCI device", physdev(PHYSDEVOP_pci_device_add, add), ours ? 0 : -XEN_EPERM);
    check("it is gone", physdev(PHYSDEVOP_pci_device_remove, &gone), ours ? 0 : -XEN_EPERM);
    check("read the IO-APIC", physdev(PHYSDEVOP_apic_read, &apic), ours ? 0 : -XEN_EPERM);
    if (ours)
        check("its lines", apic.value >> 16 & 0xff, 23);
    check("CPU info", hypercall_platform_op(HYPERCALL_ARG(&op)), ours ? 0 : -XEN_EPERM);
    if (ours)
        check_true("online", op.u.pcpu_info.flags & XEN_PCPU_FLAGS_ONLINE);
}

void guest_test(void)
{
    bool ours = kernel_is_initial_domain();

    lines(ours);
    devices(ours);
}

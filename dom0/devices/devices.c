/*
 * Devices: PCI enumeration, then each driver in turn looks for what it knows.
 */
#include "devices/devices.h"
#include "devices/acpi-power.h"
#include "devices/ahci.h"
#include "devices/nics.h"
#include "devices/nvme.h"
#include "devices/pci.h"
#include "devices/virtio-blk.h"
#include "devices/virtio-scsi.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/physdev.h"
#include "pv-kernel/kernel.h"

int devices_start(void)
{
    struct physdev_set_iopl iopl = { .iopl = 1 };

    if (!kernel_is_initial_domain())
        return 0;
    hypercall_physdev_op(PHYSDEVOP_set_iopl, HYPERCALL_ARG(&iopl));
    acpi_power_start();
    pci_start();
    virtio_blk_start();
    nvme_start();
    virtio_scsi_start();
    ahci_start();
    nics_start();
    return 0;
}

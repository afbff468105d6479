/*
 * physdev_op: interrupts of real devices, PCI, I/O privilege.
 */
#ifndef HYPERCALL_ABI_PHYSDEV_H
#define HYPERCALL_ABI_PHYSDEV_H

#include "hypercall-abi/types.h"

#define PHYSDEVOP_irq_status_query   5
#define PHYSDEVOP_set_iopl           6
#define PHYSDEVOP_set_iobitmap       7
#define PHYSDEVOP_apic_read          8
#define PHYSDEVOP_apic_write         9
#define PHYSDEVOP_alloc_irq_vector   10
#define PHYSDEVOP_free_irq_vector    11
#define PHYSDEVOP_eoi                12
#define PHYSDEVOP_map_pirq           13
#define PHYSDEVOP_unmap_pirq         14
#define PHYSDEVOP_manage_pci_add     15
#define PHYSDEVOP_manage_pci_remove  16
#define PHYSDEVOP_pirq_eoi_gmfn_v1   17
#define PHYSDEVOP_manage_pci_add_ext 20
#define PHYSDEVOP_setup_gsi          21
#define PHYSDEVOP_get_free_pirq      23
#define PHYSDEVOP_pci_mmcfg_reserved 24
#define PHYSDEVOP_pci_device_add     25
#define PHYSDEVOP_pci_device_remove  26
#define PHYSDEVOP_restore_msi_ext    27
#define PHYSDEVOP_pirq_eoi_gmfn_v2   28
#define PHYSDEVOP_dbgp_op            29
#define PHYSDEVOP_prepare_msix       30
#define PHYSDEVOP_release_msix       31

struct physdev_eoi {
    uint32_t irq;
};
struct physdev_irq_status_query {
    uint32_t irq;
    uint32_t flags; /* out: XENIRQSTAT_* */
};
#define XENIRQSTAT_needs_eoi 1U
#define XENIRQSTAT_shared    2U
struct physdev_set_iopl {
    uint32_t iopl;
};
struct physdev_set_iobitmap {
    guest_handle_t bitmap; /* one bit a port, 0 allows */
    uint32_t nr_ports;
};
struct physdev_apic {
    uint64_t apic_physbase;
    uint32_t reg;
    uint32_t value; /* in or out */
};
struct physdev_irq {
    uint32_t irq;
    uint32_t vector; /* out */
};
struct physdev_map_pirq {
    domid_t domid;
    int32_t type;  /* MAP_PIRQ_TYPE_* */
    int32_t index; /* GSI: its number */
    int32_t pirq;  /* in: wanted, or -1; out */
    int32_t bus;   /* segment in the high half, for MSI_SEG and MULTI_MSI */
    int32_t devfn;
    int32_t entry_nr;    /* MSI-X: entry; MULTI_MSI: count */
    uint64_t table_base; /* MSI-X: machine address of the table, 0 for MSI */
};
#define MAP_PIRQ_TYPE_MSI       0
#define MAP_PIRQ_TYPE_GSI       1
#define MAP_PIRQ_TYPE_UNKNOWN   2
#define MAP_PIRQ_TYPE_MSI_SEG   3
#define MAP_PIRQ_TYPE_MULTI_MSI 4
struct physdev_unmap_pirq {
    domid_t domid;
    int32_t pirq;
};
struct physdev_manage_pci {
    uint8_t bus;
    uint8_t devfn;
};
struct physdev_manage_pci_ext {
    uint8_t bus;
    uint8_t devfn;
    uint32_t is_extfn;
    uint32_t is_virtfn;
    struct {
        uint8_t bus;
        uint8_t devfn;
    } physfn;
};
struct physdev_setup_gsi {
    int32_t gsi;
    uint8_t triggering; /* 0 edge, 1 level */
    uint8_t polarity;   /* 0 high, 1 low */
};
struct physdev_get_free_pirq {
    int32_t type;
    uint32_t pirq; /* out */
};
struct physdev_pci_mmcfg_reserved {
    uint64_t address;
    uint16_t segment;
    uint8_t start_bus;
    uint8_t end_bus;
    uint32_t flags; /* XEN_PCI_MMCFG_RESERVED, or it is taken away */
};
#define XEN_PCI_MMCFG_RESERVED 1U
struct physdev_pci_device_add {
    uint16_t seg;
    uint8_t bus;
    uint8_t devfn;
    uint32_t flags; /* XEN_PCI_DEV_* */
    struct {
        uint8_t bus;
        uint8_t devfn;
    } physfn;
    uint32_t optarr[];
};
#define XEN_PCI_DEV_EXTFN  1U
#define XEN_PCI_DEV_VIRTFN 2U
#define XEN_PCI_DEV_PXM    4U
struct physdev_pci_device {
    uint16_t seg;
    uint8_t bus;
    uint8_t devfn;
};

#endif

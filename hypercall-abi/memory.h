/*
 * memory_op: a domain's frames, and maps of memory.
 */
#ifndef HYPERCALL_ABI_MEMORY_H
#define HYPERCALL_ABI_MEMORY_H

#include "hypercall-abi/types.h"

#define XENMEM_increase_reservation 0
#define XENMEM_decrease_reservation 1
#define XENMEM_maximum_ram_page     2
#define XENMEM_current_reservation  3
#define XENMEM_maximum_reservation  4
#define XENMEM_machphys_mfn_list    5
#define XENMEM_populate_physmap     6
#define XENMEM_add_to_physmap       7
#define XENMEM_memory_map           9
#define XENMEM_machine_memory_map   10
#define XENMEM_exchange             11
#define XENMEM_machphys_mapping     12
#define XENMEM_set_memory_map       13
#define XENMEM_maximum_gpfn         14
#define XENMEM_remove_from_physmap  15

/* A preempted memory_op carries its progress above this many bits of the command. */
#define MEMOP_EXTENT_SHIFT 6
#define MEMOP_CMD_MASK     ((1UL << MEMOP_EXTENT_SHIFT) - 1)

struct xen_memory_reservation {
    guest_handle_t extent_start; /* xen_pfn_t array: in and/or out, as the operation says */
    xen_ulong_t nr_extents;
    uint32_t extent_order; /* each extent is 2^extent_order frames */
    uint32_t mem_flags;    /* XENMEMF_* */
    domid_t domid;
};
#define XENMEMF_address_bits(x)     (x)
#define XENMEMF_get_address_bits(x) ((x)&0xffU)
#define XENMEMF_populate_on_demand  (1U << 16)
#define XENMEMF_exact_node_request  (1U << 17)

struct xen_memory_exchange {
    struct xen_memory_reservation in;
    struct xen_memory_reservation out;
    xen_ulong_t nr_exchanged; /* zero at first; progress */
};

struct xen_memory_domain {
    domid_t domid;
};

struct xen_machphys_mfn_list {
    uint32_t max_extents;
    guest_handle_t extent_start;
    uint32_t nr_extents;
};

struct xen_machphys_mapping {
    xen_ulong_t v_start, v_end;
    xen_ulong_t max_mfn;
};

struct xen_memory_map {
    uint32_t nr_entries;   /* in: room; out: entries written */
    guest_handle_t buffer; /* struct e820_entry array */
};

struct e820_entry {
    uint64_t addr;
    uint64_t size;
    uint32_t type; /* E820_* */
} __attribute__((packed));
#define E820_RAM      1
#define E820_RESERVED 2
#define E820_ACPI     3
#define E820_NVS      4
#define E820_UNUSABLE 5

struct xen_foreign_memory_map {
    domid_t domid;
    struct xen_memory_map map;
};

#endif

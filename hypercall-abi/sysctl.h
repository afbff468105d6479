/*
 * sysctl: control of the machine by the control domain.  Interface version of Xen 4.17.
 */
#ifndef HYPERCALL_ABI_SYSCTL_H
#define HYPERCALL_ABI_SYSCTL_H

#include "hypercall-abi/domctl.h"

#define XEN_SYSCTL_INTERFACE_VERSION 0x00000015U

#define XEN_SYSCTL_readconsole       1
#define XEN_SYSCTL_physinfo          3
#define XEN_SYSCTL_sched_id          4
#define XEN_SYSCTL_getdomaininfolist 6
#define XEN_SYSCTL_debug_keys        7
#define XEN_SYSCTL_getcpuinfo        8
#define XEN_SYSCTL_availheap         9
#define XEN_SYSCTL_cputopoinfo       16

struct xen_sysctl_readconsole {
    uint8_t clear;       /* forget what was read */
    uint8_t incremental; /* start at index */
    uint8_t pad0, pad1;
    uint32_t index; /* in and out: position in the ring */
    guest_handle_t buffer __attribute__((aligned(8)));
    uint32_t count; /* in: room; out: bytes */
};
struct xen_sysctl_physinfo {
    uint32_t threads_per_core;
    uint32_t cores_per_socket;
    uint32_t nr_cpus;
    uint32_t max_cpu_id;
    uint32_t nr_nodes;
    uint32_t max_node_id;
    uint32_t cpu_khz;
    uint32_t capabilities; /* XEN_SYSCTL_PHYSCAP_* */
    uint32_t arch_capabilities;
    uint32_t pad;
    uint64_aligned_t total_pages;
    uint64_aligned_t free_pages;
    uint64_aligned_t scrub_pages;
    uint64_aligned_t outstanding_pages;
    uint64_aligned_t max_mfn;
    uint32_t hw_cap[8];
};
#define XEN_SYSCTL_PHYSCAP_hvm       (1U << 0)
#define XEN_SYSCTL_PHYSCAP_pv        (1U << 1)
#define XEN_SYSCTL_PHYSCAP_gnttab_v1 (1U << 8)
#define XEN_SYSCTL_PHYSCAP_gnttab_v2 (1U << 9)
struct xen_sysctl_sched_id {
    uint32_t sched_id;
};
struct xen_sysctl_getdomaininfolist {
    domid_t first_domain;
    uint32_t max_domains;
    guest_handle_t buffer __attribute__((aligned(8))); /* struct xen_domctl_getdomaininfo */
    uint32_t num_domains;
};
struct xen_sysctl_debug_keys {
    guest_handle_t keys __attribute__((aligned(8)));
    uint32_t nr_keys;
};
struct xen_sysctl_cpuinfo {
    uint64_aligned_t idletime; /* ns */
};
struct xen_sysctl_getcpuinfo {
    uint32_t max_cpus;
    guest_handle_t info __attribute__((aligned(8)));
    uint32_t nr_cpus;
};
struct xen_sysctl_availheap {
    uint32_t min_bitwidth;
    uint32_t max_bitwidth;
    int32_t node;
    uint64_aligned_t avail_bytes;
};
struct xen_sysctl_cputopo {
    uint32_t core;
    uint32_t socket;
    uint32_t node;
};
struct xen_sysctl_cputopoinfo {
    uint32_t num_cpus;
    guest_handle_t cputopo __attribute__((aligned(8)));
};

struct xen_sysctl {
    uint32_t cmd;
    uint32_t interface_version;
    union {
        struct xen_sysctl_readconsole readconsole;
        struct xen_sysctl_physinfo physinfo;
        struct xen_sysctl_sched_id sched_id;
        struct xen_sysctl_getdomaininfolist getdomaininfolist;
        struct xen_sysctl_debug_keys debug_keys;
        struct xen_sysctl_getcpuinfo getcpuinfo;
        struct xen_sysctl_availheap availheap;
        struct xen_sysctl_cputopoinfo cputopoinfo;
        uint8_t pad[128];
    } u;
};

#endif

/*
 * domctl: control of domains by the control domain.  Interface version of Xen 4.17.
 */
#ifndef HYPERCALL_ABI_DOMCTL_H
#define HYPERCALL_ABI_DOMCTL_H

#include "hypercall-abi/types.h"

#define XEN_DOMCTL_INTERFACE_VERSION 0x00000015U

#define XEN_DOMCTL_createdomain      1
#define XEN_DOMCTL_destroydomain     2
#define XEN_DOMCTL_pausedomain       3
#define XEN_DOMCTL_unpausedomain     4
#define XEN_DOMCTL_getdomaininfo     5
#define XEN_DOMCTL_setvcpuaffinity   9
#define XEN_DOMCTL_shadow_op         10
#define XEN_DOMCTL_max_mem           11
#define XEN_DOMCTL_setvcpucontext    12
#define XEN_DOMCTL_getvcpucontext    13
#define XEN_DOMCTL_getvcpuinfo       14
#define XEN_DOMCTL_max_vcpus         15
#define XEN_DOMCTL_setdomainhandle   17
#define XEN_DOMCTL_iomem_permission  20
#define XEN_DOMCTL_ioport_permission 21
#define XEN_DOMCTL_hypercall_init    22
#define XEN_DOMCTL_settimeoffset     24
#define XEN_DOMCTL_getvcpuaffinity   25
#define XEN_DOMCTL_resumedomain      27
#define XEN_DOMCTL_set_address_size  35
#define XEN_DOMCTL_get_address_size  36
#define XEN_DOMCTL_gettscinfo        59
#define XEN_DOMCTL_settscinfo        60

/* A bitmap of CPUs or nodes in the caller's memory. */
struct xenctl_bitmap {
    guest_handle_t bitmap __attribute__((aligned(8)));
    uint32_t nr_bits;
};

struct xen_arch_domainconfig {
    uint32_t emulation_flags; /* 0 for PV */
    uint32_t misc_flags;
};

struct xen_domctl_createdomain {
    uint32_t ssidref;
    xen_domain_handle_t handle;
    uint32_t flags; /* XEN_DOMCTL_CDF_* */
    uint32_t iommu_opts;
    uint32_t max_vcpus;
    uint32_t max_evtchn_port;    /* ~0 for no limit but the format's */
    int32_t max_grant_frames;    /* negative: default */
    int32_t max_maptrack_frames; /* negative: default */
    uint32_t grant_opts;         /* low 4 bits: highest grant-table format */
    uint32_t vmtrace_size;
    uint32_t cpupool_id;
    struct xen_arch_domainconfig arch;
};
#define XEN_DOMCTL_CDF_hvm          (1U << 0)
#define XEN_DOMCTL_CDF_hap          (1U << 1)
#define XEN_DOMCTL_CDF_s3_integrity (1U << 2)
#define XEN_DOMCTL_CDF_oos_off      (1U << 3)
#define XEN_DOMCTL_CDF_xs_domain    (1U << 4)
#define XEN_DOMCTL_CDF_iommu        (1U << 5)
#define XEN_DOMCTL_CDF_nested_virt  (1U << 6)
#define XEN_DOMCTL_CDF_vpmu         (1U << 7)
/* Not in Xen: a PV domain whose tables hold guest frames (shadow-paging/). */
#define PARAVANE_CDF_shadow (1U << 31)

struct xen_domctl_getdomaininfo {
    domid_t domain;
    uint16_t pad1;
    uint32_t flags; /* XEN_DOMINF_* */
    uint64_aligned_t tot_pages;
    uint64_aligned_t max_pages;
    uint64_aligned_t outstanding_pages;
    uint64_aligned_t shr_pages;
    uint64_aligned_t paged_pages;
    uint64_aligned_t shared_info_frame;
    uint64_aligned_t cpu_time; /* ns */
    uint32_t nr_online_vcpus;
    uint32_t max_vcpu_id;
    uint32_t ssidref;
    xen_domain_handle_t handle;
    uint32_t cpupool;
    uint8_t gpaddr_bits;
    uint8_t pad2[7];
    struct xen_arch_domainconfig arch_config;
};
#define XEN_DOMINF_dying         (1U << 0)
#define XEN_DOMINF_hvm_guest     (1U << 1)
#define XEN_DOMINF_shutdown      (1U << 2)
#define XEN_DOMINF_paused        (1U << 3)
#define XEN_DOMINF_blocked       (1U << 4)
#define XEN_DOMINF_running       (1U << 5)
#define XEN_DOMINF_debugged      (1U << 6)
#define XEN_DOMINF_xs_domain     (1U << 7)
#define XEN_DOMINF_hap           (1U << 8)
#define XEN_DOMINF_shutdownmask  255U
#define XEN_DOMINF_shutdownshift 16

/* Frames a domain may have written.  ENABLE with LOG_DIRTY, or ENABLE_LOGDIRTY: begin; -EINVAL if
 * it is on, or for oneself, -ENOMEM.  CLEAN, PEEK: the first `pages` frames, by the numbers its
 * kernel has for them, a bit each, to dirty_bitmap (0: nowhere); pages, cut to what a domain can
 * have, and stats.dirty_count come back; -EINVAL if it is off.  CLEAN then begins anew.  -EBUSY:
 * another caller's is under way.  Public xen/domctl.h. */
struct xen_domctl_shadow_op {
    uint32_t op;   /* XEN_DOMCTL_SHADOW_OP_* */
    uint32_t mode; /* ENABLE: XEN_DOMCTL_SHADOW_ENABLE_*; else ignored */
    uint32_t mb;
    guest_handle_t dirty_bitmap __attribute__((aligned(8)));
    uint64_t pages;
    struct {
        uint32_t fault_count;
        uint32_t dirty_count;
    } stats;
};

#define XEN_DOMCTL_SHADOW_OP_OFF             0
#define XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY 2
#define XEN_DOMCTL_SHADOW_OP_CLEAN           11
#define XEN_DOMCTL_SHADOW_OP_PEEK            12
#define XEN_DOMCTL_SHADOW_OP_ENABLE          32
#define XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY   (1U << 2)

struct xen_domctl_max_mem {
    uint64_aligned_t max_memkb;
};
struct xen_domctl_vcpucontext {
    uint32_t vcpu;
    guest_handle_t ctxt __attribute__((aligned(8))); /* struct vcpu_guest_context */
};
struct xen_domctl_getvcpuinfo {
    uint32_t vcpu;
    uint8_t online;
    uint8_t blocked;
    uint8_t running;
    uint64_aligned_t cpu_time; /* ns */
    uint32_t cpu;
};
struct xen_domctl_vcpuaffinity {
    uint32_t vcpu;
    uint32_t flags; /* XEN_VCPUAFFINITY_* */
    struct xenctl_bitmap cpumap_hard;
    struct xenctl_bitmap cpumap_soft;
};
#define XEN_VCPUAFFINITY_HARD  1U
#define XEN_VCPUAFFINITY_SOFT  2U
#define XEN_VCPUAFFINITY_FORCE 4U
struct xen_domctl_max_vcpus {
    uint32_t max;
};
struct xen_domctl_setdomainhandle {
    xen_domain_handle_t handle;
};
struct xen_domctl_iomem_permission {
    uint64_aligned_t first_mfn;
    uint64_aligned_t nr_mfns;
    uint8_t allow_access;
};
struct xen_domctl_ioport_permission {
    uint32_t first_port;
    uint32_t nr_ports;
    uint8_t allow_access;
};
struct xen_domctl_hypercall_init {
    uint64_aligned_t gmfn;
};
struct xen_domctl_settimeoffset {
    int64_t time_offset_seconds __attribute__((aligned(8)));
};
struct xen_domctl_address_size {
    uint32_t size;
};
struct xen_domctl_tsc_info {
    uint32_t tsc_mode;
    uint32_t gtsc_khz;
    uint32_t incarnation;
    uint32_t pad;
    uint64_aligned_t elapsed_nsec;
};

struct xen_domctl {
    uint32_t cmd;
    uint32_t interface_version;
    domid_t domain;
    uint16_t _pad[3];
    union {
        struct xen_domctl_createdomain createdomain;
        struct xen_domctl_getdomaininfo getdomaininfo;
        struct xen_domctl_shadow_op shadow_op;
        struct xen_domctl_max_mem max_mem;
        struct xen_domctl_vcpucontext vcpucontext;
        struct xen_domctl_getvcpuinfo getvcpuinfo;
        struct xen_domctl_vcpuaffinity vcpuaffinity;
        struct xen_domctl_max_vcpus max_vcpus;
        struct xen_domctl_setdomainhandle setdomainhandle;
        struct xen_domctl_iomem_permission iomem_permission;
        struct xen_domctl_ioport_permission ioport_permission;
        struct xen_domctl_hypercall_init hypercall_init;
        struct xen_domctl_settimeoffset settimeoffset;
        struct xen_domctl_address_size address_size;
        struct xen_domctl_tsc_info tsc_info;
        uint8_t pad[128];
    } u;
};

#endif

/*
 * Memory a guest shares with the hypervisor: one shared_info frame per domain, in it (or moved
 * out of it by VCPUOP_register_vcpu_info) one vcpu_info per vCPU with its event flags and clock.
 *
 * The guest writes these pages at will: the hypervisor never trusts what it reads back.
 */
#ifndef HYPERCALL_ABI_SHARED_INFO_H
#define HYPERCALL_ABI_SHARED_INFO_H

#include "hypercall-abi/types.h"

/*
 * The vCPU's clock.  `version` is odd while the hypervisor writes; a reader copies the fields
 * between two equal, even versions:
 *   ns = system_time + (((tsc - tsc_timestamp) shifted by tsc_shift) * tsc_to_system_mul >> 32)
 */
struct vcpu_time_info {
    uint32_t version;
    uint32_t pad0;
    uint64_t tsc_timestamp;     /* TSC value at the last update */
    uint64_t system_time;       /* ns since the hypervisor started, at tsc_timestamp */
    uint32_t tsc_to_system_mul; /* 32.32 fixed point ns per (shifted) cycle */
    int8_t tsc_shift;           /* left if positive, right if negative */
    uint8_t flags;              /* XEN_PVCLOCK_* */
    uint8_t pad1[2];
};

#define XEN_PVCLOCK_TSC_STABLE_BIT 1 /* one clock for all vCPUs: no need to compare them */
#define XEN_PVCLOCK_GUEST_STOPPED  2

struct arch_vcpu_info {
    uint64_t cr2; /* faulting address of the last page fault given to this vCPU */
    uint64_t pad;
};

struct vcpu_info {
    uint8_t evtchn_upcall_pending; /* set by the hypervisor, cleared by the guest */
    uint8_t evtchn_upcall_mask;    /* non-zero: no upcall (the virtual IF, inverted) */
    uint64_t evtchn_pending_sel;   /* words of evtchn_pending worth a look */
    struct arch_vcpu_info arch;
    struct vcpu_time_info time;
};

struct arch_shared_info {
    uint64_t max_pfn;                     /* entries of the guest's pfn-to-mfn list */
    xen_pfn_t pfn_to_mfn_frame_list_list; /* for tools; written by the guest */
    uint64_t nmi_reason;
    uint64_t p2m_cr3;
    uint64_t p2m_vaddr;
    uint64_t p2m_generation;
};

/* 2-level event channels: 64 words of 64 ports. */
#define EVTCHN_2L_NR_CHANNELS 4096

struct shared_info {
    struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
    uint64_t evtchn_pending[64];
    uint64_t evtchn_mask[64];
    uint32_t wc_version; /* as vcpu_time_info.version */
    uint32_t wc_sec;     /* wall clock at system time 0: seconds since 1970, low half */
    uint32_t wc_nsec;
    uint32_t wc_sec_hi;
    struct arch_shared_info arch;
};

#endif

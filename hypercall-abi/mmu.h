/*
 * Page-table hypercalls: mmu_update, update_va_mapping, mmuext_op.
 */
#ifndef HYPERCALL_ABI_MMU_H
#define HYPERCALL_ABI_MMU_H

#include "hypercall-abi/types.h"

/* One update: the low two bits of ptr choose the kind, the rest is a machine address. */
struct mmu_update {
    uint64_t ptr;
    uint64_t val;
};
#define MMU_NORMAL_PT_UPDATE       0 /* *ptr = val, checked */
#define MMU_MACHPHYS_UPDATE        1 /* machine-to-physical entry of ptr's frame = val */
#define MMU_PT_UPDATE_PRESERVE_AD  2 /* as 0, keeping accessed and dirty bits set meanwhile */
#define MMU_PT_UPDATE_NO_TRANSLATE 3 /* as 0; differs for translated guests only */

/* In the count arguments: the call was interrupted and carries its progress in the upper bits. */
#define MMU_UPDATE_PREEMPTED 0x80000000U

/* update_va_mapping's flags */
#define UVMF_NONE           0UL
#define UVMF_TLB_FLUSH      1UL
#define UVMF_INVLPG         2UL
#define UVMF_FLUSHTYPE_MASK 3UL
#define UVMF_MULTI          0UL /* upper bits: address of a vCPU bitmap, or 0 for this vCPU */
#define UVMF_LOCAL          0UL
#define UVMF_ALL            4UL

struct mmuext_op {
    uint32_t cmd; /* MMUEXT_* */
    union {
        xen_pfn_t mfn;
        uint64_t linear_addr;
    } arg1;
    union {
        uint32_t nr_ents;
        guest_handle_t vcpumask;
        xen_pfn_t src_mfn;
    } arg2;
};
#define MMUEXT_PIN_L1_TABLE       0
#define MMUEXT_PIN_L2_TABLE       1
#define MMUEXT_PIN_L3_TABLE       2
#define MMUEXT_PIN_L4_TABLE       3
#define MMUEXT_UNPIN_TABLE        4
#define MMUEXT_NEW_BASEPTR        5
#define MMUEXT_TLB_FLUSH_LOCAL    6
#define MMUEXT_INVLPG_LOCAL       7
#define MMUEXT_TLB_FLUSH_MULTI    8
#define MMUEXT_INVLPG_MULTI       9
#define MMUEXT_TLB_FLUSH_ALL      10
#define MMUEXT_INVLPG_ALL         11
#define MMUEXT_FLUSH_CACHE        12
#define MMUEXT_SET_LDT            13
#define MMUEXT_NEW_USER_BASEPTR   15
#define MMUEXT_CLEAR_PAGE         16
#define MMUEXT_COPY_PAGE          17
#define MMUEXT_FLUSH_CACHE_GLOBAL 18
#define MMUEXT_MARK_SUPER         19
#define MMUEXT_UNMARK_SUPER       20

struct multicall_entry {
    uint64_t op;
    int64_t result;
    uint64_t args[6];
};

#endif

/*
 * The processor as a PV guest sees it: register frames, traps, selectors, contexts.
 */
#ifndef HYPERCALL_ABI_CPU_H
#define HYPERCALL_ABI_CPU_H

#include "hypercall-abi/types.h"

/* Selectors of the descriptors the hypervisor keeps at the end of every GDT. */
#define FLAT_RING3_CS32 0xe023
#define FLAT_RING3_DS32 0xe02b
#define FLAT_RING3_SS64 0xe02b
#define FLAT_RING3_CS64 0xe033
#define FLAT_KERNEL_CS  FLAT_RING3_CS64
#define FLAT_KERNEL_SS  FLAT_RING3_SS64

#define FIRST_RESERVED_GDT_PAGE  14
#define FIRST_RESERVED_GDT_BYTE  (FIRST_RESERVED_GDT_PAGE * 4096)
#define FIRST_RESERVED_GDT_ENTRY (FIRST_RESERVED_GDT_BYTE / 8)

/* Virtual addresses no guest may map: L4 slots 256-271. */
#define HYPERVISOR_VIRT_START 0xffff800000000000UL
#define HYPERVISOR_VIRT_END   0xffff880000000000UL
#define MACH2PHYS_VIRT_START  0xffff800000000000UL

/* One entry of set_trap_table's array, which ends with an address of 0. */
struct trap_info {
    uint8_t vector;
    uint8_t flags; /* TI_* */
    uint16_t cs;
    uint64_t address;
};
#define TI_DPL_MASK    3U /* highest ring that may raise it by INT n */
#define TI_MASK_EVENTS 4U /* enter with events masked */

struct cpu_user_regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
    uint64_t rax, rcx, rdx, rsi, rdi;
    uint32_t error_code;
    uint32_t entry_vector;
    uint64_t rip;
    uint16_t cs, _pad0;
    uint8_t saved_upcall_mask, _pad1[3];
    uint64_t rflags; /* IF is the inverse of the upcall mask */
    uint64_t rsp;
    uint16_t ss, _pad2[3];
    uint16_t es, _pad3[3];
    uint16_t ds, _pad4[3];
    uint16_t fs, _pad5[3];
    uint16_t gs, _pad6[3];
};

/* The frame HYPERVISOR_iret finds at the guest's stack pointer. */
struct iret_context {
    uint64_t rax, r11, rcx, flags, rip, cs, rflags, rsp, ss;
};
#define VGCF_in_syscall (1U << 8) /* iret_context.flags: leave rcx and r11 alone */

struct vcpu_guest_context {
    uint8_t fpu_ctxt[512]; /* an FXSAVE image */
    uint64_t flags;        /* VGCF_* */
    struct cpu_user_regs user_regs;
    struct trap_info trap_ctxt[256];
    uint64_t ldt_base, ldt_ents;
    uint64_t gdt_frames[16], gdt_ents;
    uint64_t kernel_ss, kernel_sp;
    uint64_t ctrlreg[8]; /* [3]: kernel root, [1]: user root, both as cr3 values */
    uint64_t debugreg[8];
    uint64_t event_callback_eip;
    uint64_t failsafe_callback_eip;
    uint64_t syscall_callback_eip;
    uint64_t vm_assist;
    uint64_t fs_base;
    uint64_t gs_base_kernel;
    uint64_t gs_base_user;
};
#define VGCF_i387_valid               (1U << 0)
#define VGCF_in_kernel                (1U << 2)
#define VGCF_failsafe_disables_events (1U << 3)
#define VGCF_syscall_disables_events  (1U << 4)
#define VGCF_online                   (1U << 5)

/* callback_op */
#define CALLBACKOP_register              0
#define CALLBACKOP_unregister            1
#define CALLBACKTYPE_event               0
#define CALLBACKTYPE_failsafe            1
#define CALLBACKTYPE_syscall             2
#define CALLBACKTYPE_sysenter_deprecated 3
#define CALLBACKTYPE_nmi                 4
#define CALLBACKTYPE_sysenter            5
#define CALLBACKTYPE_syscall32           7
#define CALLBACKF_mask_events            1U

struct callback_register {
    uint16_t type;
    uint16_t flags;
    uint64_t address;
};
struct callback_unregister {
    uint16_t type;
    uint16_t _unused;
};

/* set_segment_base */
#define SEGBASE_FS          0
#define SEGBASE_GS_USER     1
#define SEGBASE_GS_KERNEL   2
#define SEGBASE_GS_USER_SEL 3

/* vm_assist */
#define VMASST_CMD_enable                0
#define VMASST_CMD_disable               1
#define VMASST_TYPE_4gb_segments         0
#define VMASST_TYPE_4gb_segments_notify  1
#define VMASST_TYPE_writable_pagetables  2
#define VMASST_TYPE_pae_extended_cr3     3
#define VMASST_TYPE_architectural_iopl   4
#define VMASST_TYPE_runstate_update_flag 5
#define VMASST_TYPE_m2p_strict           32

/* CPUID leaves of the hypervisor: the signature "XenVMMXenVMM". */
#define XEN_CPUID_FIRST_LEAF                      0x40000000U
#define XEN_CPUID_SIGNATURE_EBX                   0x566e6558U
#define XEN_CPUID_SIGNATURE_ECX                   0x65584d4dU
#define XEN_CPUID_SIGNATURE_EDX                   0x4d4d566eU
#define XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD 1U

#endif

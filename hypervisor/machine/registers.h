/*
 * The processor's registers: names from Intel's Software Developer's Manual (SDM) volumes 3 and
 * 4 and AMD's APM volume 2, and one inline function per privileged instruction.
 */
#ifndef MACHINE_REGISTERS_H
#define MACHINE_REGISTERS_H

#include "lib/types.h"

#define CR0_PE   BIT_U(0)
#define BIT_U(n) (1UL << (n))
#define CR0_MP   BIT_U(1)
#define CR0_EM   BIT_U(2)
#define CR0_TS   BIT_U(3)
#define CR0_ET   BIT_U(4)
#define CR0_NE   BIT_U(5)
#define CR0_WP   BIT_U(16)
#define CR0_AM   BIT_U(18)
#define CR0_PG   BIT_U(31)

#define CR4_DE         BIT_U(3)
#define CR4_PSE        BIT_U(4)
#define CR4_PAE        BIT_U(5)
#define CR4_MCE        BIT_U(6)
#define CR4_PGE        BIT_U(7)
#define CR4_OSFXSR     BIT_U(9)
#define CR4_OSXMMEXCPT BIT_U(10)
#define CR4_UMIP       BIT_U(11)
#define CR4_FSGSBASE   BIT_U(16)
#define CR4_OSXSAVE    BIT_U(18)
#define CR4_SMEP       BIT_U(20)
#define CR4_SMAP       BIT_U(21)

#define DR6_NOTHING 0xffff0ff0UL /* as after a reset: SDM volume 3, 17.2.3 */

#define RFLAGS_CF   BIT_U(0)
#define RFLAGS_MBS  BIT_U(1) /* always set */
#define RFLAGS_TF   BIT_U(8)
#define RFLAGS_IF   BIT_U(9)
#define RFLAGS_DF   BIT_U(10)
#define RFLAGS_IOPL (3UL << 12)
#define RFLAGS_NT   BIT_U(14)
#define RFLAGS_RF   BIT_U(16)
#define RFLAGS_VM   BIT_U(17)
#define RFLAGS_AC   BIT_U(18)
#define RFLAGS_VIF  BIT_U(19)
#define RFLAGS_VIP  BIT_U(20)
#define RFLAGS_ID   BIT_U(21)

#define MSR_TSC                  0x10
#define MSR_PLATFORM_ID          0x17
#define MSR_APIC_BASE            0x1b
#define MSR_TSC_ADJUST           0x3b
#define MSR_SPEC_CTRL            0x48
#define MSR_UCODE_REV            0x8b
#define MSR_PLATFORM_INFO        0xce
#define MSR_ARCH_CAP             0x10a
#define MSR_MISC_FEATURES        0x140
#define MSR_SYSENTER_CS          0x174
#define MSR_MCG_CAP              0x179
#define MSR_MCG_STATUS           0x17a
#define MSR_MCG_CTL              0x17b
#define MSR_SYSENTER_ESP         0x175
#define MSR_SYSENTER_EIP         0x176
#define MSR_MISC_ENABLE          0x1a0
#define MSR_MICROCODE            0x8b
#define MSR_PAT                  0x277
#define MSR_TSC_DEADLINE         0x6e0
#define MSR_X2APIC_FIRST         0x800
#define MSR_HYPERV_TSC_FREQUENCY 0x40000022
#define MSR_EFER                 0xc0000080U
#define MSR_STAR                 0xc0000081U
#define MSR_LSTAR                0xc0000082U
#define MSR_CSTAR                0xc0000083U
#define MSR_SFMASK               0xc0000084U
#define MSR_FS_BASE              0xc0000100U
#define MSR_GS_BASE              0xc0000101U
#define MSR_KERNEL_GS_BASE       0xc0000102U
#define MSR_TSC_AUX              0xc0000103U
#define MSR_HWCR                 0xc0010015U
#define MSR_INTERRUPT_PENDING    0xc0010055U

#define EFER_SCE BIT_U(0)
#define EFER_LME BIT_U(8)
#define EFER_LMA BIT_U(10)
#define EFER_NXE BIT_U(11)

/* Page-fault error code, SDM volume 3, 4.7 */
#define PF_PRESENT  1U
#define PF_WRITE    2U
#define PF_USER     4U
#define PF_RESERVED 8U
#define PF_FETCH    16U

#define TRAP_DE  0
#define TRAP_DB  1
#define TRAP_NMI 2
#define TRAP_BP  3
#define TRAP_OF  4
#define TRAP_UD  6
#define TRAP_NM  7
#define TRAP_DF  8
#define TRAP_TS  10
#define TRAP_NP  11
#define TRAP_SS  12
#define TRAP_GP  13
#define TRAP_PF  14
#define TRAP_MF  16
#define TRAP_AC  17
#define TRAP_MC  18
#define TRAP_XM  19
/* Exceptions that push an error code: 8, 10-14, 17, 21. */
#define TRAPS_WITH_ERROR_CODE 0x227d00U

/* The value of PAT every CPU runs with, and what guests read: the order Xen's ABI promises. */
#define PAT_VALUE 0x050100070406UL

struct cpuid_leaf {
    uint32_t a, b, c, d;
};

static inline struct cpuid_leaf cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_leaf r;

    __asm__ volatile("cpuid"
                     : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

static inline uint64_t msr_read(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return low | (uint64_t)high << 32;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

#define REGISTER_ACCESSORS(name)                                            \
    static inline uint64_t name##_read(void)                                \
    {                                                                       \
        uint64_t value;                                                     \
                                                                            \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value) : : "memory"); \
        return value;                                                       \
    }                                                                       \
    static inline void name##_write(uint64_t value)                         \
    {                                                                       \
        __asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");     \
    }
REGISTER_ACCESSORS(cr0)
REGISTER_ACCESSORS(cr2)
REGISTER_ACCESSORS(cr3)
REGISTER_ACCESSORS(cr4)
REGISTER_ACCESSORS(dr0)
REGISTER_ACCESSORS(dr1)
REGISTER_ACCESSORS(dr2)
REGISTER_ACCESSORS(dr3)
REGISTER_ACCESSORS(dr6)
REGISTER_ACCESSORS(dr7)

#define BASE_ACCESSORS(name)                                           \
    static inline uint64_t name##_read(void)                           \
    {                                                                  \
        uint64_t value;                                                \
                                                                       \
        __asm__ volatile("rd" #name " %0" : "=r"(value) : : "memory"); \
        return value;                                                  \
    }                                                                  \
    static inline void name##_write(uint64_t value)                    \
    {                                                                  \
        __asm__ volatile("wr" #name " %0" : : "r"(value) : "memory");  \
    }
BASE_ACCESSORS(fsbase)
BASE_ACCESSORS(gsbase)

#define SEGMENT_READER(name)                                   \
    static inline uint16_t name##_read(void)                   \
    {                                                          \
        uint16_t value;                                        \
                                                               \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value)); \
        return value;                                          \
    }
SEGMENT_READER(ds)
SEGMENT_READER(es)
SEGMENT_READER(fs)
SEGMENT_READER(gs)

static inline uint64_t tsc_read(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (uint64_t)high << 32;
}

static inline void interrupts_off(void)
{
    __asm__ volatile("cli" ::: "memory");
}

static inline void swap_gs(void)
{
    __asm__ volatile("swapgs" ::: "memory");
}

static inline void page_invalidate(uint64_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static inline void cpu_pause(void)
{
    __asm__ volatile("pause" ::: "memory");
}

static inline void caches_write_back(void)
{
    __asm__ volatile("wbinvd" ::: "memory");
}

#define PORT_ACCESSORS(suffix, type)                                          \
    static inline type port_in##suffix(uint16_t port)                         \
    {                                                                         \
        type value;                                                           \
                                                                              \
        __asm__ volatile("in" #suffix " %1, %0" : "=a"(value) : "Nd"(port));  \
        return value;                                                         \
    }                                                                         \
    static inline void port_out##suffix(uint16_t port, type value)            \
    {                                                                         \
        __asm__ volatile("out" #suffix " %0, %1" : : "a"(value), "Nd"(port)); \
    }
PORT_ACCESSORS(b, uint8_t)
PORT_ACCESSORS(w, uint16_t)
PORT_ACCESSORS(l, uint32_t)

#endif

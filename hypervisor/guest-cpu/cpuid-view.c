/*
 * What a PV guest may use is shown, what needs ring 0 or is the hypervisor's own is hidden, bit
 * by bit.  Masks are lists of what is let through: a feature unknown here stays hidden.
 * Bit names: SDM volume 2, CPUID; APM volume 3, appendix E.
 */
#include "guest-cpu/cpuid-view.h"
#include "lib/bits.h"
#include "machine/clock.h"
#include "machine/cpu-features.h"

#define LAST_BASIC_LEAF    0xd
#define LAST_EXTENDED_LEAF 0x80000008U
#define LAST_XEN_LEAF      5

/* SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE OSXSAVE AVX F16C RDRAND */
#define LEAF1_ECX            0x7ed83203U
#define LEAF1_ECX_HYPERVISOR BIT(31)
/* FPU DE TSC MSR PAE CX8 APIC CMOV PAT CLFLUSH MMX FXSR SSE SSE2 SS HTT */
#define LEAF1_EDX 0x1f898375U
/* BMI1 AVX2 BMI2 ERMS AVX512F/DQ RDSEED ADX IFMA CLFLUSHOPT CLWB AVX512CD SHA AVX512BW/VL */
#define LEAF7_EBX 0xf1af0328U
/* VBMI VBMI2 GFNI VAES VPCLMULQDQ VNNI BITALG VPOPCNTDQ RDPID */
#define LEAF7_ECX 0x00405f42U
/* AVX512 4VNNIW 4FMAPS FSRM VP2INTERSECT */
#define LEAF7_EDX      0x0000011cU
#define LEAF7_EBX_ERMS BIT(9)
#define LEAF7_EDX_FSRM BIT(4)
/* LAHF ABM SSE4A MISALIGNSSE 3DNOWPREFETCH XOP FMA4 TBM */
#define EXT1_ECX 0x002109e1U
/* FPU DE TSC MSR PAE CX8 APIC SYSCALL CMOV PAT NX MMXEXT MMX FXSR RDTSCP LM 3DNOW */
#define EXT1_EDX 0xe9d18b75U
/* XSAVEOPT XSAVEC XGETBV1 */
#define LEAFD_1_EAX 0x7U

static struct cpuid_leaf view_xsave(uint32_t subleaf)
{
    struct cpuid_leaf r = cpuid(0xd, subleaf), none = { 0, 0, 0, 0 };

    if (!cpu_features.xsave)
        return none;
    switch (subleaf) {
    case 0:
        r.a = (uint32_t)cpu_features.xcr0;
        r.c = cpu_features.xsave_bytes;
        r.d = 0;
        return r;
    case 1:
        r.a &= LEAFD_1_EAX;
        r.b = r.c = r.d = 0;
        return r;
    default:
        return subleaf < 63 && (cpu_features.xcr0 >> subleaf & 1) ? r : none;
    }
}

static struct cpuid_leaf view_basic(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_leaf r = cpuid(leaf, subleaf), none = { 0, 0, 0, 0 };

    switch (leaf) {
    case 0:
        r.a = min(r.a, (uint32_t)LAST_BASIC_LEAF);
        return r;
    case 1:
        r.b &= 0x00ffffff; /* no APIC id: there is no APIC */
        r.c = (r.c & LEAF1_ECX) | (uint32_t)LEAF1_ECX_HYPERVISOR;
        r.c = cpu_features.xsave ? r.c | (uint32_t)BIT(27) : r.c & ~(uint32_t)BIT(26);
        r.d &= LEAF1_EDX;
        return r;
    case 2:
    case 4:
        return r;
    case 7:
        if (subleaf)
            return none;
        r.a = 0;
        r.b &= LEAF7_EBX;
        r.c &= LEAF7_ECX;
        r.d &= LEAF7_EDX;
        if (!cpu_features.fast_byte_strings) {
            r.b &= ~(uint32_t)LEAF7_EBX_ERMS;
            r.d &= ~(uint32_t)LEAF7_EDX_FSRM;
        }
        return r;
    case 0xd:
        return view_xsave(subleaf);
    default:
        return none;
    }
}

static struct cpuid_leaf view_extended(uint32_t leaf)
{
    struct cpuid_leaf r = cpuid(leaf, 0), none = { 0, 0, 0, 0 };

    switch (leaf) {
    case 0x80000000:
        r.a = min(r.a, LAST_EXTENDED_LEAF);
        return r;
    case 0x80000001:
        r.c &= EXT1_ECX;
        r.d &= EXT1_EDX;
        return r;
    case 0x80000002 ... 0x80000006:
        return r;
    case 0x80000007:
        return (struct cpuid_leaf){ 0, 0, 0, r.d & (uint32_t)BIT(8) };
    case 0x80000008:
        r.a = (r.a & 0xff) | 48 << 8; /* four levels of tables */
        r.b = r.c = r.d = 0;
        return r;
    default:
        return none;
    }
}

static struct cpuid_leaf view_xen(uint32_t leaf, uint32_t subleaf)
{
    switch (leaf - XEN_CPUID_FIRST_LEAF) {
    case 0:
        return (struct cpuid_leaf){ XEN_CPUID_FIRST_LEAF + LAST_XEN_LEAF, XEN_CPUID_SIGNATURE_EBX,
                                    XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX };
    case 1:
        return (struct cpuid_leaf){ 4 << 16 | 17, 0, 0, 0 };
    case 2:
        return (struct cpuid_leaf){ 1, XEN_CPUID_FIRST_LEAF,
                                    XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD, 0 };
    case 3:
        if (subleaf == 0)
            return (struct cpuid_leaf){ 0, 2, (uint32_t)clock_tsc_khz, 0 };
        if (subleaf == 1)
            return (struct cpuid_leaf){ 0, 0, clock_scale.mul,
                                        (uint32_t)(uint8_t)clock_scale.shift };
        return (struct cpuid_leaf){ subleaf == 2 ? (uint32_t)clock_tsc_khz : 0, 0, 0, 0 };
    case 5:
        return (struct cpuid_leaf){ 0, 44, 0, 0 }; /* machine addresses fit grant table format 1 */
    default:
        return (struct cpuid_leaf){ 0, 0, 0, 0 };
    }
}

struct cpuid_leaf cpuid_view(const struct domain *d maybe_unused, uint32_t leaf, uint32_t subleaf)
{
    if (leaf >= XEN_CPUID_FIRST_LEAF && leaf < XEN_CPUID_FIRST_LEAF + 0x100)
        return view_xen(leaf, subleaf);
    if (leaf >= 0x80000000U)
        return view_extended(leaf);
    return view_basic(leaf, subleaf);
}

/* CPUID read once; and the control registers every CPU runs with. */
#include "machine/cpu-features.h"
#include "lib/bits.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "machine/deadline-errata.h"
#include "machine/registers.h"

struct cpu_features cpu_features;

/* State a PV guest may use: x87, SSE, AVX, AVX-512.  PKRU and supervisor states stay off. */
#define XCR0_OFFERED 0xe7UL

static void detect_xsave(void)
{
    struct cpuid_leaf d0 = cpuid(0xd, 0);

    cpu_features.xcr0 = (d0.a | (uint64_t)d0.d << 32) & XCR0_OFFERED;
    if ((cpu_features.xcr0 & 0xe0) != 0xe0)
        cpu_features.xcr0 &= ~0xe0UL; /* the three AVX-512 parts go together */
    cpu_features.xsaveopt = cpuid(0xd, 1).a & 1;
    cr4_write(cr4_read() | CR4_OSXSAVE);
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)cpu_features.xcr0), "d"(0));
    cpu_features.xsave_bytes = cpuid(0xd, 0).b;
}

/*
 * On bare machines the firmware decides: it may know of interrupt messages that no x2APIC would
 * take (DMAR's opt-out), and left it on if there are CPUs that nothing else reaches.
 */
static bool x2apic_is_safe(uint32_t leaf_1_c)
{
    return (leaf_1_c & BIT(31)) || (msr_read(MSR_APIC_BASE) & BIT(10));
}

void cpu_features_detect(bool use_smap)
{
    struct cpuid_leaf l0 = cpuid(0, 0), l1 = cpuid(1, 0), l7 = { 0, 0, 0, 0 };
    struct cpuid_leaf e1 = cpuid(0x80000001, 0);
    uint32_t ext = cpuid(0x80000000, 0).a;
    struct cpu_features *f = &cpu_features;

    if (l0.a >= 7)
        l7 = cpuid(7, 0);
    f->amd = l0.b == 0x68747541 || l0.b == 0x6f677948; /* "Auth"entic, "Hygo"n */
    f->x2apic = (l1.c & BIT(21)) && x2apic_is_safe(l1.c);
    f->tsc_deadline = (l1.c & BIT(24)) && deadline_timer_is_safe(f->amd);
    if ((l1.c & BIT(24)) && !f->tsc_deadline)
        log_info("this processor's deadline timer needs newer microcode: not used");
    f->machine_checks = (l1.d & BIT(7)) && (l1.d & BIT(14));
    f->pcid = l1.c & BIT(17);
    f->fsgsbase = l7.b & BIT(0);
    f->tsc_adjust = l7.b & BIT(1);
    f->smep = l7.b & BIT(7);
    f->erms = l7.b & BIT(9);
    f->invpcid = l7.b & BIT(10);
    f->smap = use_smap && (l7.b & BIT(20));
    f->umip = l7.c & BIT(2);
    f->nx = e1.d & BIT(20);
    f->page_1g = e1.d & BIT(26);
    f->tsc_aux = (e1.d & BIT(27)) || (l7.c & BIT(22));
    f->fpu_pointers_kept =
        !f->amd || (ext >= 0x80000008 && (cpuid(0x80000008, 0).b & BIT(2))); /* RstrFpErrPtrs */
    f->physical_bits = ext >= 0x80000008 ? cpuid(0x80000008, 0).a & 0xff : 36;
    f->xsave = (l1.c & BIT(26)) && l0.a >= 0xd;
    if (!f->nx || !(e1.d & BIT(11)))
        boot_refuse("this processor lacks NX or SYSCALL: Paravane needs both");
    if (f->xsave)
        detect_xsave();
}

void cpu_control_init(void)
{
    const struct cpu_features *f = &cpu_features;
    uint64_t cr4 = CR4_PAE | CR4_PGE | CR4_DE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_MCE;

    if (f->fsgsbase)
        cr4 |= CR4_FSGSBASE;
    if (f->smep)
        cr4 |= CR4_SMEP;
    if (f->smap)
        cr4 |= CR4_SMAP;
    if (f->xsave)
        cr4 |= CR4_OSXSAVE;
    cr0_write(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG);
    cr4_write(cr4);
    msr_write(MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
    msr_write(MSR_PAT, PAT_VALUE);
    if (f->tsc_aux)
        msr_write(MSR_TSC_AUX, 0);
    if (f->xsave)
        __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)f->xcr0), "d"(0));
}

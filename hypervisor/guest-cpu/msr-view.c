/*
 * A short list of registers; everything else is unknown.  No write reaches the hardware but those
 * of the segment bases, whose values are checked to be canonical.
 */
#include "guest-cpu/msr-view.h"
#include "guest-cpu/switch.h"
#include "lib/errno.h"
#include "machine/cpu-features.h"
#include "machine/registers.h"
#include "memory/page-table-entry.h"

#define MISC_ENABLE_VALUE \
    ((1UL << 0) | (1UL << 11) | (1UL << 12)) /* fast strings, no BTS, no PEBS */

#define HWCR_TSC_RUNS_FULL (1UL << 24) /* the TSC counts at the full clock */

int msr_view_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    switch (msr) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
        *value = msr_read(msr);
        return 0;
    case MSR_EFER:
        *value = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
        return 0;
    case MSR_PAT:
        *value = PAT_VALUE;
        return 0;
    case MSR_APIC_BASE:
        *value = 0xfee00000UL | 1UL << 11 | (v->id == 0 ? 1UL << 8 : 0);
        return 0;
    case MSR_MISC_ENABLE:
        *value = MISC_ENABLE_VALUE;
        return 0;
    case MSR_TSC:
        *value = tsc_read();
        return 0;
    case MSR_TSC_AUX:
        *value = v->tsc_aux;
        return cpu_features.tsc_aux ? 0 : -EINVAL;
    case MSR_HWCR:
        *value = cpuid(1, 0).a >> 20 & 0xff ? HWCR_TSC_RUNS_FULL : 0; /* since family 16 */
        return cpu_features.amd ? 0 : -EINVAL;
    case MSR_PLATFORM_ID:
        *value = 0;
        return cpu_features.amd ? -EINVAL : 0;
    case MSR_UCODE_REV:
    case MSR_PLATFORM_INFO: /* CPUID does not fault at the guest's wish */
    case MSR_MISC_FEATURES:
        *value = 0;
        return 0;
    default:
        return -EINVAL;
    }
}

int msr_view_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    switch (msr) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
        if (!address_is_canonical(value))
            return -EINVAL;
        msr_write(msr, value);
        return 0;
    case MSR_TSC_AUX:
        if (!cpu_features.tsc_aux || value >> 32)
            return -EINVAL;
        v->tsc_aux = (uint32_t)value;
        tsc_aux_load(v->tsc_aux);
        return 0;
    case MSR_EFER:
        return value == (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE) ? 0 : -EINVAL;
    case MSR_MISC_FEATURES:
        return value ? -EINVAL : 0;
    case MSR_HWCR:
        return cpu_features.amd ? 0 : -EINVAL;
    case MSR_MISC_ENABLE:
        return 0;       /* dropped: guests write back what they read */
    case MSR_UCODE_REV: /* Intel's software writes 0 before it reads the revision */
        return value || cpu_features.amd ? -EINVAL : 0;
    default:
        return -EINVAL;
    }
}

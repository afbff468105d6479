/* What the processor can do, found once on the boot CPU. */
#ifndef MACHINE_CPU_FEATURES_H
#define MACHINE_CPU_FEATURES_H

#include "lib/types.h"

struct cpu_features {
    bool amd;
    bool x2apic, tsc_deadline, tsc_adjust, machine_checks;
    bool fsgsbase, smep, smap, umip, nx, page_1g, pcid, invpcid;
    bool xsave, xsaveopt;
    bool tsc_aux;           /* RDTSCP or RDPID */
    bool erms;              /* REP MOVSB and STOSB are said to be fast ... */
    bool fast_byte_strings; /* ... and are: machine/string-speed.h */
    bool fpu_pointers_kept; /* AMD: FXRSTOR and XRSTOR always restore the x87 pointers */
    uint64_t xcr0;          /* state components guests may use */
    uint32_t xsave_bytes;   /* size of an XSAVE area for xcr0 */
    unsigned physical_bits;
};

extern struct cpu_features cpu_features;

/* use_smap: the `smap` option; SMAP is used if the CPU has it and this is set. */
void cpu_features_detect(bool use_smap);

/* Sets CR0, CR4, EFER, PAT and XCR0 of this CPU to the hypervisor's values. */
void cpu_control_init(void);

#endif

/*
 * XSAVE where there is one, else FXSAVE.  State is switched eagerly: lazy switching leaked state
 * between guests (the speculative reads behind XSA-267).  Areas are only ever written by these
 * functions, so XRSTOR cannot fault on them.
 */
#include "machine/fpu.h"
#include "lib/string.h"
#include "machine/cpu-features.h"
#include "machine/registers.h"

#define MXCSR_RESET 0x1f80U
#define FCW_RESET   0x37fU
#define XSTATE_BV   512 /* offset of the XSAVE header */

size_t fpu_area_bytes(void)
{
    return cpu_features.xsave ? cpu_features.xsave_bytes : 512;
}

void fpu_area_init(void *area)
{
    memset(area, 0, fpu_area_bytes());
    *(uint16_t *)area = FCW_RESET;
    *(uint32_t *)((char *)area + 24) = MXCSR_RESET;
    if (cpu_features.xsave)
        *(uint64_t *)((char *)area + XSTATE_BV) = 3;
}

void fpu_area_import(void *area, const uint8_t image[512])
{
    fpu_area_init(area);
    memcpy(area, image, 416);
    *(uint32_t *)((char *)area + 24) &= 0xffbf;
}

void fpu_area_export(const void *area, uint8_t image[512])
{
    memset(image, 0, 512);
    memcpy(image, area, 416);
}

void fpu_save(void *area)
{
    __asm__ volatile("clts");
    if (cpu_features.xsaveopt)
        __asm__ volatile("xsaveopt64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
    else if (cpu_features.xsave)
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

/*
 * Older AMD processors save and restore the pointers to the last x87 instruction and its operand
 * only while an exception is pending: they would show a guest where another one was (XSA-52).  An
 * x87 load of something harmless replaces them.  APM volume 2, 11.4.4.
 */
static void forget_x87_pointers(void)
{
    static const uint32_t nothing;

    __asm__ volatile("fnclex; ffree %%st(7); fildl %0" : : "m"(nothing));
}

void fpu_restore(const void *area)
{
    __asm__ volatile("clts");
    if (!cpu_features.fpu_pointers_kept)
        forget_x87_pointers();
    if (cpu_features.xsave)
        __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

/* Floating-point and vector state of vCPUs. */
#ifndef MACHINE_FPU_H
#define MACHINE_FPU_H

#include "lib/types.h"

/* Bytes of an area, to be 64-byte aligned and zeroed before its first use. */
size_t fpu_area_bytes(void);
/* Makes an area hold the state after reset. */
void fpu_area_init(void *area);
/* Puts a guest's FXSAVE image into an area; reserved MXCSR bits are cleared, not trusted. */
void fpu_area_import(void *area, const uint8_t image[512]);
void fpu_area_export(const void *area, uint8_t image[512]);
void fpu_save(void *area);
void fpu_restore(const void *area);

#endif

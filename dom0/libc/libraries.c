/*
 * Libraries: what the decompression libraries want from their host besides malloc.
 */
#include "pv-kernel/kernel.h"

void bz_internal_error(int code);

/* libbz2 found itself inconsistent; what it was given may be bad, but this is its own mistake. */
void bz_internal_error(int code)
{
    kernel_panic("libbz2: internal error %d", code);
}

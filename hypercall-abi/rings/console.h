/*
 * The console ring: bytes both ways.  Indices run freely and wrap.
 */
#ifndef HYPERCALL_ABI_RINGS_CONSOLE_H
#define HYPERCALL_ABI_RINGS_CONSOLE_H

#include "hypercall-abi/types.h"

struct xencons_interface {
    char in[1024];  /* to the guest */
    char out[2048]; /* from the guest */
    uint32_t in_cons, in_prod;
    uint32_t out_cons, out_prod;
};

#endif

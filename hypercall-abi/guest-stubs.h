/*
 * The guest's side of every hypercall: `hypercall_NAME(arguments)`, expanded from hypercalls.def.
 *
 * A plain SYSCALL from guest-kernel mode is a hypercall: number in rax, arguments in rdi, rsi,
 * rdx, r10, r8 (which come back changed if the call was preempted); rcx and r11 are lost, the
 * result is in rax, everything else is preserved.
 * Each returns 0 or a count on success, a negative XEN_E* on failure.
 */
#ifndef HYPERCALL_ABI_GUEST_STUBS_H
#define HYPERCALL_ABI_GUEST_STUBS_H

#include "hypercall-abi/types.h"

/* Pointers and integers travel alike. */
#define HYPERCALL_ARG(x) ((uint64_t)(uintptr_t)(x))

static inline int64_t hypercall_raw(uint64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                                    uint64_t a4, uint64_t a5)
{
    int64_t result;
    register uint64_t r10 __asm__("r10") = a4;
    register uint64_t r8 __asm__("r8") = a5;

    /* In and out: a call that was interrupted is repeated with its progress in its arguments. */
    __asm__ volatile("syscall"
                     : "=a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
                     : "a"(number)
                     : "rcx", "r11", "memory");
    return result;
}

#define HYPERCALL_STUB_0(number, name)               \
    static inline int64_t hypercall_##name(void)     \
    {                                                \
        return hypercall_raw(number, 0, 0, 0, 0, 0); \
    }
#define HYPERCALL_STUB_1(number, name)                  \
    static inline int64_t hypercall_##name(uint64_t a1) \
    {                                                   \
        return hypercall_raw(number, a1, 0, 0, 0, 0);   \
    }
#define HYPERCALL_STUB_2(number, name)                               \
    static inline int64_t hypercall_##name(uint64_t a1, uint64_t a2) \
    {                                                                \
        return hypercall_raw(number, a1, a2, 0, 0, 0);               \
    }
#define HYPERCALL_STUB_3(number, name)                                            \
    static inline int64_t hypercall_##name(uint64_t a1, uint64_t a2, uint64_t a3) \
    {                                                                             \
        return hypercall_raw(number, a1, a2, a3, 0, 0);                           \
    }
#define HYPERCALL_STUB_4(number, name)                                                         \
    static inline int64_t hypercall_##name(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4) \
    {                                                                                          \
        return hypercall_raw(number, a1, a2, a3, a4, 0);                                       \
    }
#define HYPERCALL_STUB_5(number, name)                                                         \
    static inline int64_t hypercall_##name(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, \
                                           uint64_t a5)                                        \
    {                                                                                          \
        return hypercall_raw(number, a1, a2, a3, a4, a5);                                      \
    }

#define HYPERCALL(number, name, arguments, caller, support, summary) \
    HYPERCALL_STUB_##arguments(number, name)
#include "hypercall-abi/hypercalls.def"
#undef HYPERCALL

/* HYPERCALL_NR_name: the numbers, for assembly-free dispatch and multicalls. */
enum {
#define HYPERCALL(number, name, arguments, caller, support, summary) HYPERCALL_NR_##name = number,
#include "hypercall-abi/hypercalls.def"
#undef HYPERCALL
};

#endif

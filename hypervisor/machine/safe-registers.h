/* Register accesses that report a fault instead of taking it. */
#ifndef MACHINE_SAFE_REGISTERS_H
#define MACHINE_SAFE_REGISTERS_H

#include "lib/errno.h"
#include "machine/exception-table.h"

static inline int must_check msr_read_safe(uint32_t msr, uint64_t *value)
{
    uint32_t low = 0, high = 0;
    int error = 0;

    __asm__ volatile("1: rdmsr\n"
                     "2:\n"
                     ".pushsection .text.fixup, \"ax\"\n"
                     "3: mov %4, %2\n"
                     "jmp 2b\n"
                     ".popsection\n" EXCEPTION_FIXUP("1b", "3b")
                     : "+a"(low), "+d"(high), "+r"(error)
                     : "c"(msr), "i"(-EINVAL));
    *value = low | (uint64_t)high << 32;
    return error;
}

/* Loads a selector into a data segment register; true if the CPU refused it (now null). */
#define SEGMENT_LOADER(name)                                         \
    static inline bool name##_load(uint16_t selector)                \
    {                                                                \
        uint32_t failed = 0;                                         \
                                                                     \
        __asm__ volatile("1: mov %w1, %%" #name "\n"                 \
                         "2:\n"                                      \
                         ".pushsection .text.fixup, \"ax\"\n"        \
                         "3: inc %0\n"                               \
                         "xor %1, %1\n"                              \
                         "mov %w1, %%" #name "\n"                    \
                         "jmp 2b\n"                                  \
                         ".popsection\n" EXCEPTION_FIXUP("1b", "3b") \
                         : "+r"(failed)                              \
                         : "r"((uint32_t)selector));                 \
        return failed;                                               \
    }
SEGMENT_LOADER(ds)
SEGMENT_LOADER(es)
SEGMENT_LOADER(fs)
SEGMENT_LOADER(gs)

#endif

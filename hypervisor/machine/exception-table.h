/*
 * Instructions that may fault on a guest's behalf, and where to go on if they do.  Each entry is
 * two 32-bit distances, so the table needs no relocation.
 */
#ifndef MACHINE_EXCEPTION_TABLE_H
#define MACHINE_EXCEPTION_TABLE_H

#ifdef __ASSEMBLER__
/* clang-format off */
#define EXCEPTION_FIXUP(at, to)  \
    .pushsection .ex_table, "a"; \
    .balign 4;                   \
    .long at - .;                \
    .long to - .;                \
    .popsection
/* clang-format on */
#else
#include "lib/types.h"

#define EXCEPTION_FIXUP(at, to)       \
    ".pushsection .ex_table, \"a\"\n" \
    ".balign 4\n"                     \
    ".long " at " - .\n"              \
    ".long " to " - .\n"              \
    ".popsection\n"

/* Where to continue after a fault at rip, or 0. */
uint64_t exception_fixup(uint64_t rip);

#endif
#endif

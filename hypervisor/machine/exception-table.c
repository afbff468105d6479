/* A few dozen entries at most: a walk is quick enough for what is already a fault. */
#include "machine/exception-table.h"

struct entry {
    int32_t at, to;
};

extern const struct entry exception_table_start[], exception_table_end[];

uint64_t exception_fixup(uint64_t rip)
{
    for (const struct entry *e = exception_table_start; e < exception_table_end; e++)
        if ((uint64_t)&e->at + (uint64_t)(int64_t)e->at == rip)
            return (uint64_t)&e->to + (uint64_t)(int64_t)e->to;
    return 0;
}

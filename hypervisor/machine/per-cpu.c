/* The table of CPUs; entries are published before the CPU runs and never change. */
#include "machine/per-cpu.h"

struct cpu *cpu_table[MAX_CPUS];
unsigned cpu_count;
struct cpu_set cpus_online;
unsigned cpu_words = 1;

_Static_assert(sizeof(struct cpu_regs) % 16 == 0, "the CPU aligns the frame it pushes");
_Static_assert(sizeof(struct cpu) % 16 == 0, "rsp0 lies behind the frame, 16-byte aligned");

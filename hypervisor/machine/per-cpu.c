/* The table of CPUs; entries are published before the CPU runs and never change. */
#include "machine/per-cpu.h"

struct cpu *cpu_table[MAX_CPUS];
unsigned cpu_count;
struct cpu_set cpus_online;
unsigned cpu_words = 1;

uint32_t cpu_for_devices(void)
{
    for (unsigned id = 0; id < cpu_count; id++)
        if (cpu_table[id]->apic_id < 255)
            return cpu_table[id]->apic_id;
    return cpu_table[0]->apic_id;
}

_Static_assert(sizeof(struct cpu_regs) % 16 == 0, "the CPU aligns the frame it pushes");
_Static_assert(sizeof(struct cpu) % 16 == 0, "rsp0 lies behind the frame, 16-byte aligned");

/* Read without a lock: a value that is being replaced shows as the old or the new one. */
#include "machine/latency.h"
#include "lib/atomic.h"

void latency_longest(struct latency *out, bool reset)
{
    *out = (struct latency){ 0 };
    for_each_cpu(id, &cpus_online) {
        struct cpu *cpu = cpu_table[id];

        if (read_once(cpu->closed_longest) > out->cycles)
            *out = (struct latency){ cpu->closed_longest, cpu->closed_longest_at,
                                     cpu->closed_longest_for };
        if (reset)
            write_once(cpu->closed_longest, 0);
    }
}

/*
 * A list of the machine's CPUs, in xl's syntax: "all", "2", "0-3,5", "0-3,^1".
 */
#ifndef TOOLS_VMCTL_CONFIG_CPU_LIST_H
#define TOOLS_VMCTL_CONFIG_CPU_LIST_H

#include <stdbool.h>
#include <stdint.h>

#define CPUS_MAX 256u

/* A bit per CPU, as the hypervisor takes it. */
struct cpu_list {
    uint64_t word[CPUS_MAX / 64];
};

/* -EINVAL: not such a list, or an empty one. */
int cpu_list_parse(const char *text, struct cpu_list *cpus);
/* first <= last < CPUS_MAX. */
void cpu_list_add(struct cpu_list *cpus, unsigned int first, unsigned int last);
bool cpu_list_is_empty(const struct cpu_list *cpus);
/* Whether any of them is below `count`. */
bool cpu_list_has_below(const struct cpu_list *cpus, unsigned int count);

#endif

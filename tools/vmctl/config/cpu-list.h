/*
 * A list of the machine's CPUs, in xl's syntax: "all", "2", "0-3,5", "0-3,^1".
 */
#ifndef TOOLS_VMCTL_CONFIG_CPU_LIST_H
#define TOOLS_VMCTL_CONFIG_CPU_LIST_H

#include <stdint.h>

/* A bit per CPU, 0 to 63.  -EINVAL: not such a list, or an empty one. */
int cpu_list_parse(const char *text, uint64_t *cpus);

#endif

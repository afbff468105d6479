/*
 * A list of CPUs.  See cpu-list.h.
 */
#include "vmctl/config/cpu-list.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int take_number(const char **at, unsigned int *number)
{
    char *end;

    if (!isdigit((unsigned char)**at))
        return -EINVAL;
    unsigned long value = strtoul(*at, &end, 10);

    *at = end;
    *number = value < CPUS_MAX ? (unsigned int)value : 0;
    return value < CPUS_MAX ? 0 : -EINVAL;
}

/* "3" or "3-5". */
static int take_range(const char **at, unsigned int *first, unsigned int *last)
{
    int error = take_number(at, first);

    *last = *first;
    if (!error && **at == '-') {
        ++*at;
        error = take_number(at, last);
    }
    return error || *last < *first ? -EINVAL : 0;
}

void cpu_list_add(struct cpu_list *cpus, unsigned int first, unsigned int last)
{
    for (unsigned int cpu = first; cpu <= last; cpu++)
        cpus->word[cpu / 64] |= 1ULL << cpu % 64;
}

static void list_remove(struct cpu_list *cpus, unsigned int first, unsigned int last)
{
    for (unsigned int cpu = first; cpu <= last; cpu++)
        cpus->word[cpu / 64] &= ~(1ULL << cpu % 64);
}

bool cpu_list_has_below(const struct cpu_list *cpus, unsigned int count)
{
    for (unsigned int cpu = 0; cpu < count && cpu < CPUS_MAX; cpu++)
        if (cpus->word[cpu / 64] >> cpu % 64 & 1)
            return true;
    return false;
}

bool cpu_list_is_empty(const struct cpu_list *cpus)
{
    return !cpu_list_has_below(cpus, CPUS_MAX);
}

int cpu_list_parse(const char *text, struct cpu_list *cpus)
{
    *cpus = (struct cpu_list){ { 0 } };
    if (!strcmp(text, "all")) {
        cpu_list_add(cpus, 0, CPUS_MAX - 1);
        return 0;
    }
    for (;;) {
        unsigned int first = 0, last = 0;
        bool without = *text == '^';

        text += without;
        if (take_range(&text, &first, &last))
            return -EINVAL;
        if (without)
            list_remove(cpus, first, last);
        else
            cpu_list_add(cpus, first, last);
        if (!*text)
            return cpu_list_is_empty(cpus) ? -EINVAL : 0;
        if (*text++ != ',')
            return -EINVAL;
        text += strspn(text, " ");
    }
}

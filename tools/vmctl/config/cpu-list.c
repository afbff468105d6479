/*
 * A list of CPUs.  See cpu-list.h.
 */
#include "vmctl/config/cpu-list.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CPUS_MAX 64u

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
static int take_range(const char **at, uint64_t *cpus)
{
    unsigned int first = 0, last;
    int error = take_number(at, &first);

    last = first;
    if (!error && **at == '-') {
        ++*at;
        error = take_number(at, &last);
    }
    if (error || last < first)
        return -EINVAL;
    *cpus = 0;
    for (unsigned int cpu = first; cpu <= last; cpu++)
        *cpus |= 1ULL << cpu;
    return 0;
}

int cpu_list_parse(const char *text, uint64_t *cpus)
{
    *cpus = 0;
    if (!strcmp(text, "all")) {
        *cpus = UINT64_MAX;
        return 0;
    }
    for (;;) {
        uint64_t range;
        bool without = *text == '^';

        text += without;
        if (take_range(&text, &range))
            return -EINVAL;
        *cpus = without ? *cpus & ~range : *cpus | range;
        if (!*text)
            return *cpus ? 0 : -EINVAL;
        if (*text++ != ',')
            return -EINVAL;
        text += strspn(text, " ");
    }
}

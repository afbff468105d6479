/*
 * Before the machine goes, its guests are asked to: a guest cut off in the middle of a write has
 * a file system to repair.  Each is told through control/shutdown, as `vmctl shutdown` does; what
 * has not gone in time is cut off all the same.
 */
#include "shell/end-guests.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pv-kernel/clock.h"
#include "tasks/task.h"
#include "xenstore/client.h"

#define DOMAINS "/local/domain"

/* Calls each guest there is, and counts them. */
static size_t each_guest(struct xs_client *store, void (*tell)(struct xs_client *, const char *))
{
    size_t count, guests = 0;
    char **ids;

    if (xs_list(store, XS_NO_TX, DOMAINS, &ids, &count))
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(ids[i], "0"))
            continue;
        guests++;
        if (tell)
            tell(store, ids[i]);
    }
    free(ids);
    return guests;
}

static void ask(struct xs_client *store, const char *id)
{
    char path[64], *name;

    snprintf(path, sizeof(path), DOMAINS "/%.8s/name", id);
    if (!xs_read(store, XS_NO_TX, path, &name, NULL)) {
        printf("asking %s to power off\n", name);
        free(name);
    }
    snprintf(path, sizeof(path), DOMAINS "/%.8s/control/shutdown", id);
    xs_printf(store, XS_NO_TX, path, "poweroff");
}

void guests_end(unsigned int seconds)
{
    uint64_t limit = clock_monotonic_ns() + seconds * 1000000000ULL;
    struct xs_client *store = xs_open();

    if (!store)
        return;
    if (each_guest(store, ask)) {
        fflush(stdout);
        while (each_guest(store, NULL) && clock_monotonic_ns() < limit)
            task_sleep_ns(50000000);
    }
    xs_close(store);
}

/*
 * The names of guests.  See names.h.
 */
#include "vmctl/domain/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 256u

struct noted {
    struct noted *next_by_domain, *next_by_name;
    uint32_t domid;
    char name[];
};

static struct noted *by_domain[BUCKETS], *by_name[BUCKETS];

static struct noted **name_bucket(const char *name)
{
    uint32_t hash = 5381;

    while (*name)
        hash = hash * 33 + (uint8_t)*name++;
    return &by_name[hash % BUCKETS];
}

bool names_find(const char *name, uint32_t *domid)
{
    const struct noted *noted = *name_bucket(name);

    while (noted && strcmp(noted->name, name) != 0)
        noted = noted->next_by_name;
    if (noted)
        *domid = noted->domid;
    return noted != NULL;
}

void names_forget(uint32_t domid)
{
    struct noted **at = &by_domain[domid % BUCKETS];

    while (*at && (*at)->domid != domid)
        at = &(*at)->next_by_domain;
    struct noted *noted = *at;

    if (!noted)
        return;
    *at = noted->next_by_domain;
    for (at = name_bucket(noted->name); *at != noted;)
        at = &(*at)->next_by_name;
    *at = noted->next_by_name;
    free(noted);
}

int names_note(uint32_t domid, const char *name)
{
    size_t length = strlen(name);
    struct noted *noted = malloc(sizeof(*noted) + length + 1);

    if (!noted)
        return -ENOMEM;
    names_forget(domid);
    struct noted **domain_at = &by_domain[domid % BUCKETS], **name_at = name_bucket(name);

    *noted =
        (struct noted){ .next_by_domain = *domain_at, .next_by_name = *name_at, .domid = domid };
    memcpy(noted->name, name, length + 1);
    *domain_at = *name_at = noted;
    return 0;
}

/*
 * Permission lists of nodes.  See permissions.h.
 */
#include "xenstore/permissions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOMID_LARGEST 65535u

struct permissions *permissions_create(const struct permission *entries, uint32_t count)
{
    struct permissions *list = malloc(sizeof(*list) + count * sizeof(list->entries[0]));

    if (!list)
        return NULL;
    list->references = 1;
    list->count = count;
    list->domains = 0;
    for (uint32_t i = 0; i < count; i++) {
        list->entries[i] = entries[i];
        list->domains |= domain_set_of(entries[i].domid);
    }
    return list;
}

struct permissions *permissions_share(struct permissions *list)
{
    list->references++;
    return list;
}

void permissions_release(struct permissions *list)
{
    if (list && --list->references == 0)
        free(list);
}

struct permissions *permissions_with_owner(struct permissions *list, uint32_t owner)
{
    if (list->entries[0].domid == owner)
        return permissions_share(list);
    struct permissions *copy = permissions_create(list->entries, list->count);

    if (copy) {
        copy->entries[0].domid = owner;
        copy->domains |= domain_set_of(owner);
    }
    return copy;
}

void permissions_forget(struct permissions *list, uint32_t domid)
{
    uint32_t count = 1;

    for (uint32_t i = 1; i < list->count; i++)
        if (list->entries[i].domid != domid)
            list->entries[count++] = list->entries[i];
    list->count = count;
}

uint32_t permissions_access(const struct permissions *list, uint32_t domid, uint32_t target)
{
    const uint32_t all = ACCESS_READ | ACCESS_WRITE | ACCESS_OWNER;
    uint32_t owner = list->entries[0].domid;

    if (domid == 0 || owner == domid || (target != DOMAIN_NONE && owner == target))
        return all;
    for (uint32_t i = 1; i < list->count; i++)
        if (list->entries[i].domid == domid ||
            (target != DOMAIN_NONE && list->entries[i].domid == target))
            return list->entries[i].access;
    return list->entries[0].access;
}

int permission_parse(const char *text, struct permission *entry)
{
    static const char letters[] = "nrwb"; /* in the order of the two access bits */
    const char *letter = text[0] ? strchr(letters, text[0]) : NULL;
    char *end;

    if (!letter || text[1] < '0' || text[1] > '9')
        return -EINVAL;
    unsigned long domid = strtoul(text + 1, &end, 10);

    if (*end || domid > DOMID_LARGEST)
        return -EINVAL;
    entry->domid = (uint32_t)domid;
    entry->access = (uint32_t)(letter - letters);
    return 0;
}

size_t permission_format(const struct permission *entry, char *text, size_t size)
{
    int n = snprintf(text, size, "%c%u", "nrwb"[entry->access & 3], (unsigned int)entry -> domid);

    return n > 0 && (size_t)n < size ? (size_t)n + 1 : 0;
}

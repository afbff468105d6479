/*
 * Permission lists of nodes.
 *
 * The first entry names the owner, and the access of everybody who has no entry of his own;
 * the owner himself may do everything.  Lists are immutable and shared by reference: a child
 * has its parent's list, a snapshot its node's.
 */
#ifndef DOM0_XENSTORE_PERMISSIONS_H
#define DOM0_XENSTORE_PERMISSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACCESS_NONE  0u
#define ACCESS_READ  1u
#define ACCESS_WRITE 2u
#define ACCESS_OWNER 4u

#define DOMAIN_NONE UINT32_MAX

struct permission {
    uint32_t domid;
    uint32_t access;
};

/* A set of domains in which some may be that were not put in, never the other way round: two bits
 * of a domain's number each, and dom0 is in none. */
typedef uint64_t domain_set;

static inline domain_set domain_set_of(uint32_t domid)
{
    return domid ? 1ULL << domid % 64 | 1ULL << domid / 64 % 64 : 0;
}

struct permissions {
    uint32_t references;
    uint32_t count;     /* >= 1 */
    domain_set domains; /* those it names, or has named */
    struct permission entries[];
};

/* A list with one reference; NULL when memory is short. */
struct permissions *permissions_create(const struct permission *entries, uint32_t count);
struct permissions *permissions_share(struct permissions *list);
void permissions_release(struct permissions *list);

/* The same list with another owner.  NULL: no memory. */
struct permissions *permissions_with_owner(struct permissions *list, uint32_t owner);
/* Takes the domain's entries, but the owner's, out of the list itself and so of every node that
 * shares it: the domain is no more, and forgetting it must not need memory. */
void permissions_forget(struct permissions *list, uint32_t domid);

/* What a domain (and the one whose target it is, or DOMAIN_NONE) may do. */
uint32_t permissions_access(const struct permissions *list, uint32_t domid, uint32_t target);

/* "r3" and back.  Parsing: 0 or -EINVAL; the text is one string. */
int permission_parse(const char *text, struct permission *entry);
/* Writes "r3" and its NUL; returns the bytes with the NUL, 0 when size is too small. */
size_t permission_format(const struct permission *entry, char *text, size_t size);

#endif

/*
 * The store: the tree, who is connected, and what happens in the world around it.
 *
 * This folder's core (everything but client.c, service.c and guest-ring.c) knows no dom0 and
 * no Linux: it is fed bytes through connection.h and asks the outside through struct
 * store_platform.  It never sleeps and is not locked: one task or thread at a time.
 *
 * Journey of a write: transport -> connection.c (a whole message) -> requests.c (parse, find
 * the transaction) -> access.c (permissions, quota, note for the transaction) -> node.c (the
 * tree) -> watch.c (who is told) -> connection.c (answer and events queued) -> transport.
 */
#ifndef DOM0_XENSTORE_STORE_H
#define DOM0_XENSTORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "xenstore/node.h"
#include "xenstore/string-table.h"

struct connection;
struct transaction;
struct store_domain;

enum domain_life {
    DOMAIN_LIVES,
    DOMAIN_SHUT_DOWN, /* exists, runs no more */
    DOMAIN_GONE,      /* dying or unknown to the hypervisor */
};

/* What the store asks of the program around it; argument is the store's platform_argument. */
struct store_platform {
    /* Connects a domain's ring page; called by INTRODUCE.  0 or -errno. */
    int (*introduce)(void *argument, struct store_domain *domain);
    /* Disconnects it. */
    void (*release)(void *argument, struct store_domain *domain);
    enum domain_life (*life)(void *argument, uint32_t domid);
    /* Is so little memory left that guests get no more of it?  May be NULL. */
    bool (*short_of_memory)(void *argument);
    /* Which domain has shut down, begun to die or gone since this was asked?  Each once; -ENOENT:
     * none; another error: it is not known.  May be NULL. */
    int (*changed)(void *argument, uint32_t *domid);
};

#define STORE_DOMAIN_BUCKETS 256u

struct xenstore {
    struct node *root;
    uint64_t generation; /* the last one given out */
    uint64_t churn;      /* bytes of nodes replaced so far; see transaction.c */
    struct permissions *introduce_permissions;
    struct permissions *release_permissions;
    struct string_table watches;
    struct store_domain *domains[STORE_DOMAIN_BUCKETS];
    struct connection *connections;
    struct transaction *oldest_transaction;
    struct transaction *newest_transaction;
    uint32_t transaction_count;
    uint32_t next_transaction_id;
    const struct store_platform *platform;
    void *platform_argument;
};

/* An empty store with "/", owned by dom0 and closed to others; NULL: no memory. */
struct xenstore *xenstore_create(const struct store_platform *platform, void *argument);
/* Every connection must be gone. */
void xenstore_destroy(struct xenstore *store);

/* A new generation number, for a node that has just changed. */
uint64_t xenstore_generation(struct xenstore *store);
/* The permissions of "@introduceDomain" or "@releaseDomain"; NULL for another name. */
struct permissions **xenstore_special(struct xenstore *store, const char *name);

#endif

/*
 * Domains as the store knows them.  See domain.h.
 */
#include "xenstore/domain.h"

#include <errno.h>
#include <stdlib.h>

#include "xenstore/connection.h"
#include "xenstore/node.h"
#include "xenstore/store.h"
#include "xenstore/transaction.h"
#include "xenstore/watch.h"

struct store_domain *store_domain_find(const struct xenstore *store, uint32_t domid)
{
    struct store_domain *domain = store->domains[domid % STORE_DOMAIN_BUCKETS];

    while (domain && domain->domid != domid)
        domain = domain->next;
    return domain;
}

static struct store_domain *store_domain_get(struct xenstore *store, uint32_t domid)
{
    struct store_domain **bucket = &store->domains[domid % STORE_DOMAIN_BUCKETS];
    struct store_domain *domain = store_domain_find(store, domid);

    if (domain)
        return domain;
    domain = calloc(1, sizeof(*domain));
    if (!domain)
        return NULL;
    domain->domid = domid;
    domain->next = *bucket;
    *bucket = domain;
    return domain;
}

int64_t store_domain_nodes(const struct xenstore *store, uint32_t domid)
{
    const struct store_domain *domain = store_domain_find(store, domid);

    return domain ? domain->nodes : 0;
}

int store_domain_reserve(struct xenstore *store, uint32_t domid)
{
    return domid && !store_domain_get(store, domid) ? -ENOMEM : 0;
}

void store_domain_charge(struct xenstore *store, uint32_t domid, int nodes)
{
    struct store_domain *domain = domid ? store_domain_get(store, domid) : NULL;

    if (domain)
        domain->nodes += nodes;
}

int store_domain_introduce(struct xenstore *store, uint32_t domid, uint64_t gfn, uint32_t port)
{
    struct store_domain *domain = store_domain_get(store, domid);

    if (!domain)
        return -ENOMEM;
    if (domain->introduced) {
        /* The guest's kernel was replaced: the same page again, nothing of the old client. */
        if (domain->gfn != gfn || domain->port != port)
            return -EINVAL;
        connection_reset(domain->connection);
        watches_fire_special(store, "@introduceDomain", domid);
        return 0;
    }
    domain->gfn = gfn;
    domain->port = port;
    domain->shutdown_told = false;
    domain->connection = connection_create(store, domid);
    if (!domain->connection)
        return -ENOMEM;
    domain->connection->domain = domain;
    int error = store->platform->introduce(store->platform_argument, domain);

    if (error) {
        connection_destroy(domain->connection);
        domain->connection = NULL;
        return error;
    }
    domain->introduced = true;
    watches_fire_special(store, "@introduceDomain", domid);
    return 0;
}

/* What a dead domain leaves behind, being collected. */
struct purge {
    struct tree_sweep sweep; /* first */
    struct xenstore *store;
    uint32_t domid;
    struct node *taken; /* linked by free_next, which they need only once they are freed */
};

static bool purge_condemns(struct tree_sweep *sweep, const struct node *node)
{
    const struct purge *purge = (const struct purge *)sweep;

    permissions_forget(node->permissions, purge->domid);
    return node->permissions->entries[0].domid == purge->domid;
}

static void purge_take(struct tree_sweep *sweep, const char *path, struct node *node,
                       struct node *parent)
{
    struct purge *purge = (struct purge *)sweep;

    parent->generation = xenstore_generation(purge->store);
    watches_fire(purge->store, path, node->permissions, NULL, false);
    node->free_next = purge->taken;
    purge->taken = node;
}

static int uncharge(void *argument, const char *path, const struct node *node)
{
    (void)path;
    store_domain_charge(argument, node->permissions->entries[0].domid, -1);
    return 0;
}

/*
 * One walk for all of it, which cannot fail: what it does to a tree that no transaction shares
 * needs no memory, so where copying fails the transactions go.
 */
static void store_domain_purge(struct xenstore *store, uint32_t domid)
{
    struct purge purge = {
        { domain_set_of(domid), purge_condemns, purge_take }, store, domid, NULL
    };
    struct permissions *root;

    while (tree_sweep(&store->root, &purge.sweep))
        transactions_give_up(store);
    root = store->root->permissions;
    permissions_forget(root, domid);
    if (root->entries[0].domid == domid)
        root->entries[0].domid = 0;
    permissions_forget(store->introduce_permissions, domid);
    permissions_forget(store->release_permissions, domid);
    while (purge.taken) {
        struct node *node = purge.taken;

        purge.taken = node->free_next;
        tree_walk(node, "/", uncharge, store);
        node_release(node);
    }
}

static void store_domain_forget(struct xenstore *store, struct store_domain *domain)
{
    struct store_domain **at = &store->domains[domain->domid % STORE_DOMAIN_BUCKETS];

    while (*at != domain)
        at = &(*at)->next;
    *at = domain->next;
    free(domain);
}

int store_domain_release(struct xenstore *store, uint32_t domid)
{
    struct store_domain *domain = store_domain_find(store, domid);

    if (!domain || !domain->introduced)
        return -ENOENT;
    domain->introduced = false;
    store->platform->release(store->platform_argument, domain);
    connection_destroy(domain->connection);
    domain->connection = NULL;
    store_domain_purge(store, domid);
    for (struct connection *at = store->connections; at; at = at->next)
        if (at->target == domid)
            at->target = DOMAIN_NONE;
    store_domain_forget(store, domain);
    watches_fire_special(store, "@releaseDomain", domid);
    return 0;
}

int store_domain_resume(struct xenstore *store, uint32_t domid)
{
    struct store_domain *domain = store_domain_find(store, domid);

    if (!domain || !domain->introduced)
        return -ENOENT;
    domain->shutdown_told = false;
    return 0;
}

static void store_domain_check(struct xenstore *store, struct store_domain *domain)
{
    if (!domain->introduced)
        return;
    switch (store->platform->life(store->platform_argument, domain->domid)) {
    case DOMAIN_LIVES:
        break;
    case DOMAIN_SHUT_DOWN:
        if (!domain->shutdown_told) {
            domain->shutdown_told = true;
            watches_fire_special(store, "@releaseDomain", domain->domid);
        }
        break;
    case DOMAIN_GONE:
        store_domain_release(store, domain->domid);
        break;
    }
}

static void store_domains_check_all(struct xenstore *store)
{
    for (uint32_t i = 0; i < STORE_DOMAIN_BUCKETS; i++) {
        struct store_domain *next;

        for (struct store_domain *at = store->domains[i]; at; at = next) {
            next = at->next;
            store_domain_check(store, at);
        }
    }
}

bool store_domains_check(struct xenstore *store)
{
    const struct store_platform *platform = store->platform;
    uint32_t domid;
    int error = platform->changed ? platform->changed(store->platform_argument, &domid) : -ENOSYS;
    struct store_domain *domain = error ? NULL : store_domain_find(store, domid);

    if (domain)
        store_domain_check(store, domain);
    if (error && error != -ENOENT)
        store_domains_check_all(store);
    return !error;
}

void store_domains_free(struct xenstore *store)
{
    for (uint32_t i = 0; i < STORE_DOMAIN_BUCKETS; i++)
        while (store->domains[i]) {
            struct store_domain *domain = store->domains[i];

            store->domains[i] = domain->next;
            free(domain);
        }
}

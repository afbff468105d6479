/*
 * XS_CONTROL.  "statistics" counts everything from scratch, so that tests can compare the
 * store before and after; "check" compares those counts with the kept ones.
 */
#include "xenstore/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "xenstore/connection.h"
#include "xenstore/domain.h"
#include "xenstore/limits.h"
#include "xenstore/store.h"

static int count_node(void *argument, const char *path, const struct node *node)
{
    (void)path;
    (void)node;
    ++*(unsigned long *)argument;
    return 0;
}

static void control_statistics(struct xenstore *store, char *answer, size_t size)
{
    unsigned long nodes = 0, connections = 0, watches = 0, domains = 0;

    tree_walk(store->root, "/", count_node, &nodes);
    for (struct connection *at = store->connections; at; at = at->next) {
        connections++;
        watches += at->watch_count;
    }
    for (unsigned int i = 0; i < STORE_DOMAIN_BUCKETS; i++)
        for (struct store_domain *at = store->domains[i]; at; at = at->next)
            domains += at->introduced;
    snprintf(answer, size,
             "nodes %lu\nconnections %lu\nwatches %lu\ntransactions %u\ndomains %lu\n", nodes,
             connections, watches, (unsigned int)store->transaction_count, domains);
}

struct ownership {
    uint32_t domid;
    int64_t nodes;
};

static int count_owned(void *argument, const char *path, const struct node *node)
{
    struct ownership *ownership = argument;

    (void)path;
    ownership->nodes += node->permissions->entries[0].domid == ownership->domid;
    return 0;
}

static void control_check(struct xenstore *store, char *answer, size_t size)
{
    for (unsigned int i = 0; i < STORE_DOMAIN_BUCKETS; i++)
        for (struct store_domain *at = store->domains[i]; at; at = at->next) {
            struct ownership ownership = { at->domid, 0 };

            tree_walk(store->root, "/", count_owned, &ownership);
            if (ownership.nodes != at->nodes) {
                snprintf(answer, size, "domain %u owns %ld nodes, counted as %ld\n",
                         (unsigned int)at->domid, (long)ownership.nodes, (long)at->nodes);
                return;
            }
        }
    snprintf(answer, size, "OK");
}

int control_run(struct xenstore *store, const char *command, char *answer, size_t size)
{
    if (!strcmp(command, "help")) {
        snprintf(answer, size, "check\nhelp\nquota\nstatistics\n");
    } else if (!strcmp(command, "statistics")) {
        control_statistics(store, answer, size);
    } else if (!strcmp(command, "check")) {
        control_check(store, answer, size);
    } else if (!strcmp(command, "quota")) {
        snprintf(answer, size,
                 "nodes %u\nnode-size %u\nwatches %u\ntransactions %u\ntransaction-nodes %u\n"
                 "permissions %u\noutstanding %u\n",
                 LIMIT_GUEST_NODES, LIMIT_GUEST_NODE_SIZE, LIMIT_GUEST_WATCHES,
                 LIMIT_GUEST_TRANSACTIONS, LIMIT_GUEST_TRANSACTION_NODES, LIMIT_GUEST_PERMISSIONS,
                 LIMIT_GUEST_REPLIES);
    } else {
        return -EINVAL;
    }
    return 0;
}

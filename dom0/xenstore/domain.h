/*
 * Domains as the store knows them: who has a ring, who owns how many nodes.
 *
 * A number may be used again for another domain, which must inherit nothing: when a domain
 * goes, its nodes and every permission naming it go too (XSA-322, XSA-419), whether or not there
 * is memory.
 */
#ifndef DOM0_XENSTORE_DOMAIN_H
#define DOM0_XENSTORE_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

struct connection;
struct xenstore;

struct store_domain {
    struct store_domain *next;
    uint32_t domid;
    int64_t nodes; /* owned */
    bool introduced;
    bool shutdown_told;
    uint64_t gfn; /* of its ring page */
    uint32_t port;
    struct connection *connection;
    void *transport; /* the platform's */
};

struct store_domain *store_domain_find(const struct xenstore *store, uint32_t domid);
int64_t store_domain_nodes(const struct xenstore *store, uint32_t domid);
/* Makes sure that a charge to this domain will be counted.  -ENOMEM. */
int store_domain_reserve(struct xenstore *store, uint32_t domid);
void store_domain_charge(struct xenstore *store, uint32_t domid, int nodes);

/* INTRODUCE: connects it and fires @introduceDomain.  0 or -errno. */
int store_domain_introduce(struct xenstore *store, uint32_t domid, uint64_t gfn, uint32_t port);
/* RELEASE, or the hypervisor says it is gone: disconnects it, removes what it owned, fires
 * @releaseDomain.  -ENOENT. */
int store_domain_release(struct xenstore *store, uint32_t domid);
/* RESUME: it may shut down once more. */
int store_domain_resume(struct xenstore *store, uint32_t domid);
/* Asks the hypervisor about one that it says has changed, or if it does not say, about each; called
 * on VIRQ_DOM_EXC.  True: there may be another one. */
bool store_domains_check(struct xenstore *store);
void store_domains_free(struct xenstore *store);

#endif

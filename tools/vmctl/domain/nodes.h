/*
 * A domain's nodes in xenstore, the same that xl makes.
 */
#ifndef TOOLS_VMCTL_DOMAIN_NODES_H
#define TOOLS_VMCTL_DOMAIN_NODES_H

#include <stddef.h>
#include <stdint.h>

#include "vmctl/config/domain-config.h"

struct xs_client;
struct guest_build;

/* /local/domain/N and /vm/UUID: everything but devices, in one transaction.  -EEXIST if the name
 * is taken. */
int domain_nodes_write(struct xs_client *store, const struct domain_config *config,
                       const struct guest_build *build);
void domain_nodes_remove(struct xs_client *store, uint32_t domid);

/* A disk's frontend and backend nodes, in one transaction. */
int disk_nodes_write(struct xs_client *store, uint32_t domid, const struct disk_config *disk,
                     uint32_t major, uint32_t minor);
/* Asks the backends to let go, waits for them, removes their nodes. */
void disk_nodes_remove(struct xs_client *store, uint32_t domid);
/* Who uses a device in a way that excludes this use: 0 nobody, -EBUSY and his domid. */
int disk_check_free(struct xs_client *store, const struct disk_config *disk, uint32_t *user);

#endif

/*
 * A domain's nodes in xenstore, the same that xl makes.
 */
#ifndef TOOLS_VMCTL_DOMAIN_NODES_H
#define TOOLS_VMCTL_DOMAIN_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmctl/config/domain-config.h"

struct xs_client;
struct guest_build;
struct platform_disk;

/* /local/domain/N and /vm/UUID: everything but devices, in one transaction.  -EEXIST if the name
 * is taken. */
int domain_nodes_write(struct xs_client *store, const struct domain_config *config,
                       const struct guest_build *build);
void domain_nodes_remove(struct xs_client *store, uint32_t domid);

/*
 * Before a disk is made: there is its target, of one device, which may be used so, and nobody else
 * uses it in a way that excludes this.  -ENODEV, -EMLINK, -EROFS, -EBUSY, and the failure's text.
 */
int disk_settle(struct xs_client *store, const struct disk_config *disk, const char *guest,
                struct platform_disk *device, struct failure *failure);
/* A disk's frontend and backend nodes, in one transaction.  The backend is told the device itself,
 * so that it opens what was checked here. */
int disk_nodes_write(struct xs_client *store, uint32_t domid, const struct disk_config *disk,
                     const struct platform_disk *device);
/*
 * Before an interface is made: there is its bridge, and nobody on it, in a VLAN of its, has its
 * address; if it names none it gets one that it will keep.  `before`: so many of the same guest's
 * stand in front of it in memory and are settled.  -ENODEV, -EADDRINUSE, and the failure's text.
 */
int vif_settle(struct xs_client *store, struct vif_config *vif, size_t before, const char *guest,
               struct failure *failure);
int vif_nodes_write(struct xs_client *store, uint32_t domid, const struct vif_config *vif);
/* Waits until the interface is served and joined to its bridge, as device_nodes_wait does. */
int vif_nodes_wait(struct xs_client *store, uint32_t domid, const struct vif_config *vif, char *why,
                   size_t size);
/* Waits until the backend ("vbd", "vif") has the device: 0, or -errno and why not in its own
 * words. */
int device_nodes_wait(struct xs_client *store, const char *class, uint32_t domid,
                      uint32_t device_id, char *why, size_t size);
/* Asks one backend to let go, waits for it, removes its nodes and the frontend's.  -ETIMEDOUT: it
 * did not. */
int device_nodes_remove(struct xs_client *store, const char *class, uint32_t domid,
                        uint32_t device_id);
/* Asks the guest to let go of a device, and waits for it.  -EBUSY: it does not; all is as before.
 */
int device_nodes_ask(struct xs_client *store, const char *class, uint32_t domid,
                     uint32_t device_id);
/* The same for all a guest has. */
void devices_nodes_remove(struct xs_client *store, uint32_t domid);
/* Removes backends' nodes that are left, without a word to anybody. */
void devices_nodes_forget(struct xs_client *store, uint32_t domid);
/* Do the two share sectors?  A disk does with its partitions. */
bool disks_overlap(const struct platform_disk *a, const struct platform_disk *b);

#endif

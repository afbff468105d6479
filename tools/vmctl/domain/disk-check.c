/*
 * What can be known of a disk before it is made: whether there is its target, and whether others
 * use it.  See nodes.h.  Who is made at the same time is not seen here; the backend refuses the
 * later.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmctl/domain/domain.h"
#include "vmctl/domain/nodes.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

bool disks_overlap(const struct platform_disk *a, const struct platform_disk *b)
{
    if (!strcmp(a->path, b->path))
        return true;
    return !a->is_file && !b->is_file && !strcmp(a->disk, b->disk) &&
           a->first < b->first + b->sectors && b->first < a->first + a->sectors;
}

static bool backend_excludes(struct xs_client *store, const char *base,
                             const struct platform_disk *device, bool writable)
{
    char path[120], *target, *mode = NULL;
    struct platform_disk other = { .disk = "" };
    bool excludes = false;

    snprintf(path, sizeof(path), "%.90s/params", base);
    if (xs_read(store, XS_NO_TX, path, &target, NULL))
        return false;
    if (platform_disk_find(target, &other)) /* gone meanwhile: what is known is its name */
        snprintf(other.path, sizeof(other.path), "%.255s", target);
    free(target);
    snprintf(path, sizeof(path), "%.90s/mode", base);
    if (!xs_read(store, XS_NO_TX, path, &mode, NULL))
        excludes = disks_overlap(&other, device) && (writable || mode[0] == 'w');
    free(mode);
    return excludes;
}

/* Who uses sectors of the device in a way that excludes this use: 0 nobody, -EBUSY and his domid.
 */
static int check_free(struct xs_client *store, const struct platform_disk *device, bool writable,
                      uint32_t *user)
{
    char **domains, path[100];
    size_t count;
    int error = 0;

    if (xs_list(store, XS_NO_TX, "/local/domain/0/backend/vbd", &domains, &count))
        return 0;
    for (size_t i = 0; i < count && !error; i++) {
        char **disks;
        size_t disk_count;

        snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%.20s", domains[i]);
        if (xs_list(store, XS_NO_TX, path, &disks, &disk_count))
            continue;
        for (size_t j = 0; j < disk_count && !error; j++) {
            snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%.20s/%.20s", domains[i],
                     disks[j]);
            if (backend_excludes(store, path, device, writable)) {
                *user = (uint32_t)strtoul(domains[i], NULL, 10);
                error = -EBUSY;
            }
        }
        free(disks);
    }
    free(domains);
    return error;
}

int disk_settle(struct xs_client *store, const struct disk_config *disk, const char *guest,
                struct platform_disk *device, struct failure *failure)
{
    char name[64];
    uint32_t user;
    int error = platform_disk_find(disk->target, device);

    if (error == -EMLINK)
        return failure_set(failure, error,
                           "%s: disk %s: more than one device has this name (use its place, "
                           "/dev/disk/by-path/pci-..., as lsblk shows it)",
                           guest, disk->target);
    if (error)
        return failure_set(failure, error, "%s: disk %s: %s (%s)", guest, disk->target,
                           failure_reason(error),
                           error == -ENOENT   ? "make it first: truncate -s 10G FILE"
                           : error == -EISDIR ? "name a file in it"
                                              : "check its name");
    if (!device->sectors)
        return failure_set(
            failure, -EINVAL,
            "%s: disk %s: it is shorter than a sector (truncate -s 10G FILE makes it "
            "longer)",
            guest, disk->target);
    if (disk->writable && device->read_only)
        return failure_set(failure, -EROFS, "%s: disk %s: the device is read-only (give it mode r)",
                           guest, disk->target);
    if (disk->shared || !check_free(store, device, disk->writable, &user))
        return 0;
    domain_name(store, user, name, sizeof(name));
    return failure_set(failure, -EBUSY,
                       "%s: disk %s: in use by guest %s (end that guest, or give both mode r; w! "
                       "writes it all the same)",
                       guest, disk->target, name);
}

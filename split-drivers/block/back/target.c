/*
 * Target: what the toolstack's node names, a device or a file of dom0's, found and claimed.
 */
#include "split-drivers/block/back/vbd.h"
#include "storage/image.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static enum file_claim_kind claim_kind(const char *mode)
{
    return !mode || mode[0] != 'w' ? FILE_CLAIM_READ
           : mode[1] == '!'        ? FILE_CLAIM_SHARED
                                   : FILE_CLAIM_WRITE;
}

static bool is_file(const char *target)
{
    return target[0] == '/' && strncmp(target, "/dev/", 5) != 0;
}

static int device_open(struct vbd *vbd, const char *name, enum file_claim_kind kind)
{
    int error = block_device_find(name, &vbd->device);

    if (!error)
        error = kind == FILE_CLAIM_SHARED ? block_device_claim_shared(vbd->device)
                                          : block_device_claim(vbd->device, vbd->writable);
    if (error)
        vbd->device = NULL;
    return error;
}

static void complain(struct vbd *vbd, const char *target, int error)
{
    if (error == -ENOTSUP)
        backend_refuse(&vbd->backend, "files there cannot be disks (put it on one of dom0's disks, "
                                      "as in /data)");
    else
        backend_complain(&vbd->backend, target, error);
}

static void image_opened(void *owner, int error)
{
    struct vbd *vbd = owner;

    if (!error)
        vbd->device = image_device(vbd->image);
    else
        vbd->image = NULL;
    if (error && !vbd->backend.gone)
        complain(vbd, "its file", error);
    vbd_target_opened(vbd, error);
}

static int open_named(struct vbd *vbd, const char *target, enum file_claim_kind kind)
{
    int error;

    if (!is_file(target))
        return device_open(vbd, target, kind);
    error = image_open(target, kind, image_opened, vbd, &vbd->image);
    return error ? error : -EINPROGRESS;
}

int target_open(struct vbd *vbd, struct xs_client *store)
{
    char *params = handshake_read_string(store, vbd->backend.path, "params");
    char *mode = handshake_read_string(store, vbd->backend.path, "mode");
    enum file_claim_kind kind = claim_kind(mode);
    int error;

    vbd->writable = kind != FILE_CLAIM_READ;
    error = params ? open_named(vbd, params, kind) : -ENODEV;
    if (error && error != -EINPROGRESS)
        complain(vbd, params ? params : "params", error);
    free(mode);
    free(params);
    return error;
}

void target_close(struct vbd *vbd)
{
    if (vbd->image)
        image_close(vbd->image);
    else if (vbd->device)
        block_device_release(vbd->device, vbd->writable);
    vbd->image = NULL;
    vbd->device = NULL;
}

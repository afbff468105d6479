/*
 * File claims.  See file-claims.h.
 */
#include "libc/file-claims.h"
#include "libc/file-place.h"
#include <errno.h>

int file_claim(const char *path, enum file_claim_kind kind, struct file_claim *claim)
{
    struct file_place place;
    int error = file_place_find(path, &place);
    struct file_system *fs;

    if (error)
        return error;
    fs = place.mount->fs;
    *claim = (struct file_claim){ .fs = fs, .kind = kind, .mount = place.mount };
    error = fs->operations->claim
                ? fs->operations->claim(fs, place.path, kind, &claim->file, &claim->device)
                : -ENOTSUP;
    if (error)
        file_place_leave(&place);
    return error;
}

void file_claim_release(struct file_claim *claim)
{
    claim->fs->operations->release(claim->fs, claim->file, claim->kind);
}

void file_claim_close(struct file_claim *claim)
{
    claim->fs->operations->close_claimed(claim->fs, claim->file);
    claim->mount->users--;
}

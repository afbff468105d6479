/*
 * Files: mounts, paths, and what works on any file system.  See files.h.
 *
 * Paths are made plain here, by their words alone, so that no file system meets "..", and each
 * finds the longest directory on which something is mounted.  Tasks are cooperative: the list of
 * mounts needs no lock, but who sleeps in an operation is one of the mount's users.
 */
#include "libc/files.h"
#include "libc/file-place.h"
#include "libc/libc.h"
#include "tasks/mutex.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static struct file_mount root, *first_mount;
static struct mutex leaving; /* nobody is unmounted while all are asked to write */

/* Takes the last component off. */
static size_t parent_length(const char *path, size_t length)
{
    while (length && path[length - 1] != '/')
        length--;
    return length ? length - 1 : 0;
}

/* Puts the path, absolute and plain, into out; its root is "". */
static int make_plain(const char *path, char out[FILE_PATH_MAX])
{
    size_t length = 0;

    for (;;) {
        path += strspn(path, "/");
        size_t name = strcspn(path, "/");

        if (!name)
            break;
        if (name > FILE_NAME_MAX || length + name + 2 > FILE_PATH_MAX)
            return -ENAMETOOLONG;
        if (name == 2 && path[0] == '.' && path[1] == '.') {
            length = parent_length(out, length);
        } else if (name != 1 || path[0] != '.') {
            out[length++] = '/';
            memcpy(out + length, path, name);
            length += name;
        }
        path += name;
    }
    out[length] = 0;
    return 0;
}

/* Does the path lead to the directory, or below it? */
static bool is_within(const char *path, const char *directory, size_t length)
{
    return !strncmp(path, directory, length) && (!path[length] || path[length] == '/');
}

int file_place_find(const char *path, struct file_place *place)
{
    int error = make_plain(path, place->whole);

    if (error)
        return error;
    place->mount = &root;
    for (struct file_mount *mount = first_mount; mount; mount = mount->next)
        if (mount->length >= place->mount->length &&
            is_within(place->whole, mount->directory, mount->length))
            place->mount = mount;
    place->path = place->whole + place->mount->length;
    if (!*place->path)
        place->path = "/";
    place->mount->users++;
    return 0;
}

void file_place_leave(struct file_place *place)
{
    place->mount->users--;
}

bool file_place_is_held(const struct file_place *place)
{
    size_t length = strlen(place->whole);

    for (struct file_mount *mount = first_mount; mount; mount = mount->next)
        if (is_within(mount->directory, place->whole, length))
            return true;
    return false;
}

bool files_same(const char *a, const char *b)
{
    char plain_a[FILE_PATH_MAX], plain_b[FILE_PATH_MAX];

    return !make_plain(a, plain_a) && !make_plain(b, plain_b) && !strcmp(plain_a, plain_b);
}

int files_list(const char *path, file_visit *visit, void *argument)
{
    struct file_place place;
    int error = file_place_find(path, &place);

    if (error)
        return error;
    error = place.mount->fs->operations->list(place.mount->fs, place.path, visit, argument);
    file_place_leave(&place);
    return error;
}

static int make_one(const char *path)
{
    struct file_place place;
    int error = file_place_find(path, &place);

    if (error)
        return error;
    error = place.mount->fs->operations->make_directory(place.mount->fs, place.path);
    file_place_leave(&place);
    return error == -EEXIST ? 0 : error;
}

int files_make_directories(const char *path)
{
    char plain[FILE_PATH_MAX], above[FILE_PATH_MAX];
    int error = make_plain(path, plain);

    for (size_t i = 1; !error && plain[0] && i <= strlen(plain); i++) {
        if (plain[i] != '/' && plain[i])
            continue;
        memcpy(above, plain, i);
        above[i] = 0;
        error = make_one(above);
    }
    return error;
}

int files_remove_directory(const char *path)
{
    struct file_place place;
    int error = file_place_find(path, &place);

    if (error)
        return error;
    error = file_place_is_held(&place)
                ? -EBUSY
                : place.mount->fs->operations->remove(place.mount->fs, place.path, true);
    file_place_leave(&place);
    return error;
}

int files_sync(void)
{
    int result = 0;

    mutex_lock(&leaving);
    for (struct file_mount *mount = first_mount; mount; mount = mount->next) {
        if (!mount->fs->operations->sync)
            continue;
        int error = mount->fs->operations->sync(mount->fs);

        result = result ? result : error;
    }
    mutex_unlock(&leaving);
    return result;
}

/* Reads a file that does not lie in memory. */
static int pin_copy(struct file_place *place, struct file_pin *pin)
{
    struct file_system *fs = place->mount->fs;
    struct file_status status;
    size_t done = 1;
    int error = fs->operations->open(fs, place->path, O_RDONLY, &pin->file);

    if (error)
        return error;
    error = fs->operations->file_status(fs, pin->file, &status);
    if (!error && status.is_directory)
        error = -EISDIR;
    if (!error && (status.size > SIZE_MAX / 2 || !libc_memory_allows(status.size)))
        error = -ENOMEM;
    if (!error && status.size && !(pin->copy = malloc(status.size)))
        error = -ENOMEM;
    while (!error && done && pin->size < status.size) {
        error = fs->operations->read(fs, pin->file, pin->size, (char *)pin->copy + pin->size,
                                     status.size - pin->size, &done);
        pin->size += error ? 0 : done;
    }
    fs->operations->close(fs, pin->file);
    if (error)
        free(pin->copy);
    pin->data = pin->copy;
    return error;
}

int files_pin(const char *path, struct file_pin *pin)
{
    struct file_place place;
    int error = file_place_find(path, &place);

    if (error)
        return error;
    struct file_system *fs = place.mount->fs;

    *pin = (struct file_pin){ .mount = place.mount };
    error = fs->operations->pin
                ? fs->operations->pin(fs, place.path, &pin->file, &pin->data, &pin->size)
                : pin_copy(&place, pin);
    if (error || !fs->operations->pin) {
        file_place_leave(&place); /* a copy needs its file system no more */
        pin->mount = NULL;
    }
    return error;
}

void files_unpin(struct file_pin *pin)
{
    free(pin->copy);
    if (!pin->mount)
        return;
    pin->mount->fs->operations->unpin(pin->mount->fs, pin->file);
    pin->mount->users--;
}

/* May something be mounted there? */
static int check_directory(const struct file_place *place)
{
    struct file_system *fs = place->mount->fs;
    struct file_status status;
    int error = fs->operations->status(fs, place->path, &status);

    if (error)
        return error;
    if (!status.is_directory)
        return -ENOTDIR;
    return place->path == place->whole + place->mount->length && place->whole[0] ? 0 : -EBUSY;
}

int files_mount(struct file_system *fs, const char *directory)
{
    struct file_mount *mount = calloc(1, sizeof(*mount)), **last = &first_mount;
    struct file_place place;
    int error = mount ? file_place_find(directory, &place) : -ENOMEM;

    if (!error) {
        error = check_directory(&place);
        file_place_leave(&place);
    }
    for (struct file_mount *other = first_mount; !error && other; other = other->next)
        if (!strcmp(other->directory, place.whole))
            error = -EBUSY; /* while we looked */
    if (error) {
        free(mount);
        return error;
    }
    mount->fs = fs;
    mount->length = strlen(place.whole);
    memcpy(mount->directory, place.whole, mount->length + 1);
    while (*last)
        last = &(*last)->next;
    *last = mount;
    return 0;
}

static int unmount_plain(const char *plain)
{
    struct file_mount **at = &first_mount, *mount;
    int error;

    while (*at && strcmp((*at)->directory, plain) != 0)
        at = &(*at)->next;
    mount = *at;
    if (!mount)
        return -EINVAL;
    for (struct file_mount *other = first_mount; other; other = other->next)
        if (other != mount && is_within(other->directory, plain, mount->length))
            return -EBUSY;
    if (mount->users || mount == &root)
        return -EBUSY;
    *at = mount->next;
    error = mount->fs->operations->unmount(mount->fs);
    free(mount);
    return error;
}

int files_unmount(const char *directory)
{
    char plain[FILE_PATH_MAX];
    int error = make_plain(directory, plain);

    if (error)
        return error;
    mutex_lock(&leaving);
    error = unmount_plain(plain);
    mutex_unlock(&leaving);
    return error;
}

void files_end(void)
{
    struct file_mount *mount;

    mutex_lock(&leaving);
    for (;;) {
        struct file_mount *last = NULL;

        for (mount = first_mount; mount; mount = mount->next)
            if (mount != &root && !mount->users)
                last = mount; /* what was mounted in another comes behind it */
        if (!last || unmount_plain(last->directory) == -EBUSY)
            break;
    }
    mutex_unlock(&leaving);
    files_sync();
}

bool files_mounted(size_t index, const char **directory, const struct file_system **fs,
                   struct file_system_usage *usage)
{
    struct file_mount *mount = first_mount;

    while (mount && index--)
        mount = mount->next;
    if (!mount)
        return false;
    *directory = mount->length ? mount->directory : "/";
    *fs = mount->fs;
    memset(usage, 0, sizeof(*usage));
    mount->fs->operations->usage(mount->fs, usage);
    return true;
}

void files_start(struct file_system *fs)
{
    root.fs = fs;
    first_mount = &root;
}

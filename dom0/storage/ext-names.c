/*
 * Ext names: paths, and what changes directories.  See ext-fs.h.
 *
 * Paths are walked here, not by libext2fs, which believes a symbolic link's length.  A link that
 * begins with a slash means the file system's own root.  Each operation first looks at everything
 * that can be refused, then changes: whatever fails from then on breaks the file system off.
 */
#include "storage/ext-fs.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINKS_MOST      8     /* symbolic ones of one path */
#define LINK_COUNT_MOST 65000 /* hard ones: folders in a folder */

/* Puts a link's text and what came behind it into path; 0 or -errno. */
static int expand_link(struct ext_fs *x, ext2_ino_t number, struct ext2_inode *inode,
                       const char *rest, char path[FILE_PATH_MAX])
{
    uint64_t size = EXT2_I_SIZE(inode);
    char text[FILE_PATH_MAX];
    struct ext_block *block;
    blk64_t place;
    int error;

    if (!size || size + strlen(rest) + 2 > FILE_PATH_MAX || size > x->ext->blocksize)
        return -ENAMETOOLONG;
    if (ext2fs_is_fast_symlink(inode)) {
        memcpy(text, inode->i_block, size);
    } else {
        error = ext_error(ext2fs_bmap2(x->ext, number, inode, x->buffer, 0, 0, NULL, &place));
        if (!error)
            error = ext_disk_get(&x->disk, place, &block);
        if (error)
            return error;
        memcpy(text, block->data, size);
    }
    text[size] = '/';
    strcpy(text + size + 1, rest);
    strcpy(path, text);
    return 0;
}

struct walk {
    ext2_ino_t at; /* a directory until the last step */
    char path[FILE_PATH_MAX];
    const char *rest;
    unsigned int links;
};

/* Follows a symbolic link found in the directory walk->at. */
static int follow_link(struct ext_fs *x, struct walk *walk, ext2_ino_t number,
                       struct ext2_inode *inode)
{
    int error =
        walk->links++ < LINKS_MOST ? expand_link(x, number, inode, walk->rest, walk->path) : -ELOOP;

    walk->rest = walk->path;
    if (!error && walk->path[0] == '/')
        walk->at = EXT2_ROOT_INO;
    return error;
}

static int step(struct ext_fs *x, struct walk *walk, bool follow)
{
    size_t length = strcspn(walk->rest, "/");
    struct ext2_inode inode;
    ext2_ino_t next;
    errcode_t code;

    if (length > FILE_NAME_MAX)
        return -ENAMETOOLONG;
    code = ext2fs_lookup(x->ext, walk->at, walk->rest, (int)length, x->buffer, &next);
    if (!code)
        code = next ? ext2fs_read_inode(x->ext, next, &inode) : EXT2_ET_FILE_NOT_FOUND;
    if (code)
        return ext_error(code);
    walk->rest += length;
    walk->rest += strspn(walk->rest, "/");
    if (LINUX_S_ISLNK(inode.i_mode) && (follow || *walk->rest))
        return follow_link(x, walk, next, &inode);
    if (*walk->rest && !LINUX_S_ISDIR(inode.i_mode))
        return -ENOTDIR;
    walk->at = next;
    return 0;
}

static int find_from_root(struct ext_fs *x, const char *path, size_t length, bool follow,
                          ext2_ino_t *inode)
{
    struct walk walk = { .at = EXT2_ROOT_INO };
    int error = 0;

    memcpy(walk.path, path, length);
    walk.path[length] = 0;
    walk.rest = walk.path + strspn(walk.path, "/");
    while (*walk.rest && !error) {
        error = step(x, &walk, follow);
        walk.rest += strspn(walk.rest, "/");
    }
    *inode = walk.at;
    return error;
}

int ext_find(struct ext_fs *x, const char *path, bool follow, ext2_ino_t *inode)
{
    return find_from_root(x, path, strlen(path), follow, inode);
}

int ext_find_parent(struct ext_fs *x, const char *path, ext2_ino_t *parent, const char **name)
{
    const char *slash = strrchr(path, '/');
    struct ext2_inode inode;
    int error;

    *name = slash + 1;
    if (!**name)
        return -EBUSY; /* the root */
    error = find_from_root(x, path, (size_t)(slash - path), true, parent);
    if (!error)
        error = ext_error(ext2fs_read_inode(x->ext, *parent, &inode));
    return error ? error : LINUX_S_ISDIR(inode.i_mode) ? 0 : -ENOTDIR;
}

/* The name in the directory; -ENOENT. */
static int look_up(struct ext_fs *x, ext2_ino_t parent, const char *name, ext2_ino_t *number,
                   struct ext2_inode *inode)
{
    errcode_t code = ext2fs_lookup(x->ext, parent, name, (int)strlen(name), x->buffer, number);

    if (!code)
        code = ext2fs_read_inode(x->ext, *number, inode);
    return ext_error(code);
}

int ext_link(struct ext_fs *x, ext2_ino_t parent, const char *name, ext2_ino_t number, int type)
{
    struct ext2_inode inode;
    errcode_t code = ext2fs_link(x->ext, parent, name, number, type);

    if (code == EXT2_ET_DIR_NO_SPACE) {
        code = ext2fs_expand_dir(x->ext, parent);
        if (!code)
            code = ext2fs_link(x->ext, parent, name, number, type);
    }
    if (!code)
        code = ext2fs_read_inode(x->ext, parent, &inode);
    if (code)
        return ext_broken(x, ext_error(code));
    inode.i_mtime = inode.i_ctime = ext_now();
    return ext_inode_write(x, parent, &inode);
}

static int take_name(struct ext_fs *x, ext2_ino_t parent, const char *name, ext2_ino_t number,
                     int links)
{
    struct ext2_inode inode;
    errcode_t code = ext2fs_unlink(x->ext, parent, name, number, 0);

    if (!code)
        code = ext2fs_read_inode(x->ext, parent, &inode);
    if (code)
        return ext_broken(x, ext_error(code));
    inode.i_mtime = inode.i_ctime = ext_now();
    inode.i_links_count = (uint16_t)(inode.i_links_count + links);
    return ext_inode_write(x, parent, &inode);
}

static int make_directory(struct ext_fs *x, const char *path)
{
    ext2_ino_t parent, number;
    struct ext2_inode inode;
    const char *name;
    errcode_t code;
    int error = ext_find_parent(x, path, &parent, &name);

    if (error)
        return error == -EBUSY ? -EEXIST : error;
    error = look_up(x, parent, name, &number, &inode);
    if (error != -ENOENT)
        return error ? error : -EEXIST;
    error = ext_error(ext2fs_read_inode(x->ext, parent, &inode));
    if (!error && inode.i_links_count >= LINK_COUNT_MOST)
        error = -EMLINK;
    if (!error && !ext_has_room(x, 2))
        error = -ENOSPC;
    if (!error)
        error = ext_inode_create(x, parent, &number);
    if (error)
        return error;
    /* The library makes the directory in the inode that was made for it, but counts it again. */
    ext2fs_inode_alloc_stats2(x->ext, number, -1, 0);
    code = ext2fs_mkdir(x->ext, parent, number, NULL);
    if (code)
        return ext_broken(x, ext_error(code));
    return ext_link(x, parent, name, number, EXT2_FT_DIR);
}

int ext_make_directory(struct file_system *fs, const char *path)
{
    struct ext_fs *x = ext_of(fs);
    int error = ext_begin(x, true);

    return error ? error : ext_end(x, make_directory(x, path));
}

static int is_entry(struct ext2_dir_entry *entry, int offset, int size, char *block, void *argument)
{
    int length = ext2fs_dirent_name_len(entry);

    (void)offset;
    (void)size;
    (void)block;
    if (!entry->inode || (length == 1 && entry->name[0] == '.') ||
        (length == 2 && entry->name[0] == '.' && entry->name[1] == '.'))
        return 0;
    *(bool *)argument = true;
    return DIRENT_ABORT;
}

/* 0: it is an empty directory. */
static int check_empty(struct ext_fs *x, ext2_ino_t number)
{
    bool found = false;
    errcode_t code = ext2fs_dir_iterate(x->ext, number, 0, x->buffer, is_entry, &found);

    return code ? ext_error(code) : found ? -ENOTEMPTY : 0;
}

static bool is_open(const struct ext_fs *x, ext2_ino_t number)
{
    for (const struct ext_node *node = x->nodes; node; node = node->next)
        if (node->inode == number)
            return true;
    return false;
}

static int remove_name(struct ext_fs *x, const char *path, bool is_directory)
{
    ext2_ino_t parent, number;
    struct ext2_inode inode = { 0 };
    const char *name;
    int error = ext_find_parent(x, path, &parent, &name);

    if (!error)
        error = look_up(x, parent, name, &number, &inode);
    if (error)
        return error;
    if (is_directory != (bool)LINUX_S_ISDIR(inode.i_mode))
        return is_directory ? -ENOTDIR : -EISDIR;
    if (number < EXT2_FIRST_INODE(x->ext->super) || (is_directory && is_open(x, number)))
        return -EBUSY;
    error = is_directory ? check_empty(x, number) : 0;
    if (!error)
        error = take_name(x, parent, name, number, is_directory ? -1 : 0);
    return error ? error : ext_inode_release(x, number, &inode);
}

int ext_remove(struct file_system *fs, const char *path, bool is_directory)
{
    struct ext_fs *x = ext_of(fs);
    int error = ext_begin(x, true);

    return error ? error : ext_end(x, remove_name(x, path, is_directory));
}

/* Is the directory `inside` in the tree below `outside`? */
static int check_not_within(struct ext_fs *x, ext2_ino_t inside, ext2_ino_t outside)
{
    for (unsigned int depth = 0; depth < FILE_PATH_MAX; depth++) {
        ext2_ino_t above;
        errcode_t code;

        if (inside == outside)
            return -EINVAL;
        if (inside == EXT2_ROOT_INO)
            return 0;
        code = ext2fs_lookup(x->ext, inside, "..", 2, x->buffer, &above);
        if (code)
            return ext_error(code);
        inside = above;
    }
    return -ELOOP;
}

static int set_parent(struct ext2_dir_entry *entry, int offset, int size, char *block,
                      void *argument)
{
    (void)offset;
    (void)size;
    (void)block;
    if (ext2fs_dirent_name_len(entry) != 2 || strncmp(entry->name, "..", 2) != 0)
        return 0;
    entry->inode = *(ext2_ino_t *)argument;
    return DIRENT_ABORT | DIRENT_CHANGED;
}

struct place {
    ext2_ino_t parent, number;
    const char *name;
    struct ext2_inode inode;
    bool exists;
};

static int check_rename(struct ext_fs *x, const struct place *from, const struct place *to)
{
    bool folder = LINUX_S_ISDIR(from->inode.i_mode);
    struct ext2_inode parent;
    int error = 0;

    if (from->number < EXT2_FIRST_INODE(x->ext->super))
        return -EBUSY;
    if (to->exists && LINUX_S_ISDIR(to->inode.i_mode)) {
        error = check_empty(x, to->number);
        return error ? error : -EEXIST;
    }
    if (to->exists && folder)
        return -ENOTDIR;
    if (folder)
        error = check_not_within(x, to->parent, from->number);
    if (!error)
        error = ext_error(ext2fs_read_inode(x->ext, to->parent, &parent));
    if (!error && folder && parent.i_links_count >= LINK_COUNT_MOST)
        error = -EMLINK;
    return error ? error : ext_has_room(x, 2) ? 0 : -ENOSPC;
}

static int move_folder(struct ext_fs *x, const struct place *from, struct place *to)
{
    struct ext2_inode parent;
    errcode_t code =
        ext2fs_dir_iterate(x->ext, from->number, 0, x->buffer, set_parent, &to->parent);

    if (!code)
        code = ext2fs_read_inode(x->ext, to->parent, &parent);
    if (code)
        return ext_broken(x, ext_error(code));
    parent.i_links_count++;
    return ext_inode_write(x, to->parent, &parent);
}

static int type_of(const struct ext2_inode *inode)
{
    return LINUX_S_ISDIR(inode->i_mode)    ? EXT2_FT_DIR
           : LINUX_S_ISLNK(inode->i_mode)  ? EXT2_FT_SYMLINK
           : LINUX_S_ISCHR(inode->i_mode)  ? EXT2_FT_CHRDEV
           : LINUX_S_ISBLK(inode->i_mode)  ? EXT2_FT_BLKDEV
           : LINUX_S_ISFIFO(inode->i_mode) ? EXT2_FT_FIFO
           : LINUX_S_ISSOCK(inode->i_mode) ? EXT2_FT_SOCK
                                           : EXT2_FT_REG_FILE;
}

/* All in one transaction: after a power cut one of the two names is there, never none. */
static int move(struct ext_fs *x, struct place *from, struct place *to)
{
    bool other_folder = LINUX_S_ISDIR(from->inode.i_mode) && from->parent != to->parent;
    int error = 0;

    if (to->exists)
        error = take_name(x, to->parent, to->name, to->number, 0);
    if (!error)
        error = take_name(x, from->parent, from->name, from->number, other_folder ? -1 : 0);
    if (!error)
        error = ext_link(x, to->parent, to->name, from->number, type_of(&from->inode));
    if (!error && other_folder)
        error = move_folder(x, from, to);
    if (!error && to->exists)
        error = ext_inode_release(x, to->number, &to->inode);
    return error;
}

static int rename_path(struct ext_fs *x, const char *old, const char *new)
{
    struct place from = { 0 }, to = { 0 };
    int error = ext_find_parent(x, old, &from.parent, &from.name);

    if (!error)
        error = look_up(x, from.parent, from.name, &from.number, &from.inode);
    if (!error)
        error = ext_find_parent(x, new, &to.parent, &to.name);
    if (error)
        return error;
    error = look_up(x, to.parent, to.name, &to.number, &to.inode);
    to.exists = !error;
    if (error && error != -ENOENT)
        return error;
    if (to.exists && to.number == from.number)
        return 0;
    error = check_rename(x, &from, &to);
    return error ? error : move(x, &from, &to);
}

int ext_rename(struct file_system *fs, const char *from, const char *to)
{
    struct ext_fs *x = ext_of(fs);
    int error = ext_begin(x, true);

    return error ? error : ext_end(x, rename_path(x, from, to));
}

struct listing {
    struct ext_fs *x;
    file_visit *visit;
    void *argument;
    int result;
};

static int list_entry(struct ext2_dir_entry *entry, int offset, int size, char *block,
                      void *argument)
{
    struct listing *listing = argument;
    struct file_entry found = { 0 };
    struct ext2_inode inode;
    bool any = false;

    if (!is_entry(entry, offset, size, block, &any))
        return 0;
    memcpy(found.name, entry->name, (size_t)ext2fs_dirent_name_len(entry));
    if (!found.name[0] || strchr(found.name, '/') ||
        ext2fs_read_inode(listing->x->ext, entry->inode, &inode))
        return 0; /* no name that could be asked for */
    found.is_directory = LINUX_S_ISDIR(inode.i_mode);
    found.size = found.is_directory ? 0 : EXT2_I_SIZE(&inode);
    found.mtime = inode.i_mtime;
    listing->result = listing->visit(listing->argument, &found);
    ext_disk_pause(&listing->x->disk);
    return listing->result ? DIRENT_ABORT : 0;
}

int ext_list(struct file_system *fs, const char *path, file_visit *visit, void *argument)
{
    struct ext_fs *x = ext_of(fs);
    struct listing listing = { x, visit, argument, 0 };
    ext2_ino_t number;
    int error = ext_begin(x, false);

    if (error)
        return error;
    error = ext_find(x, path, true, &number);
    if (!error)
        error = ext_error(ext2fs_dir_iterate(x->ext, number, 0, NULL, list_entry, &listing));
    return ext_end(x, error ? error : listing.result);
}

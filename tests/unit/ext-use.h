/*
 * Using a file system that may be anything: everything is looked at, read, changed and written,
 * and no error is one.
 */
#ifndef EXT_USE_H
#define EXT_USE_H

#include "ext-world.h"

#include <fcntl.h>

#define USE_NAMES 40

struct used_names {
    char paths[USE_NAMES][FILE_PATH_MAX];
    bool folders[USE_NAMES];
    size_t count;
    const char *folder;
};

static inline void use_write(struct file_system *fs, const char *path, const void *data,
                             size_t size, uint64_t at)
{
    size_t done;
    void *file;

    if (fs->operations->open(fs, path, O_RDWR | O_CREAT, &file))
        return;
    fs->operations->write(fs, file, &at, data, size, &done);
    fs->operations->close(fs, file);
}

static inline int use_note(void *argument, const struct file_entry *entry)
{
    struct used_names *names = argument;

    if (names->count == USE_NAMES)
        return 0;
    if (strlen(names->folder) + strlen(entry->name) + 2 > FILE_PATH_MAX)
        return 0;
    snprintf(names->paths[names->count], FILE_PATH_MAX, "%s/%.255s", names->folder, entry->name);
    names->folders[names->count++] = entry->is_directory;
    return 0;
}

static inline void use_read(struct file_system *fs, const char *path)
{
    static char buffer[300000];
    struct file_status status;
    size_t done;
    void *file;

    fs->operations->status(fs, path, &status);
    if (fs->operations->open(fs, path, O_RDONLY, &file))
        return;
    fs->operations->read(fs, file, 0, buffer, sizeof(buffer), &done);
    if (!fs->operations->file_status(fs, file, &status))
        fs->operations->read(fs, file, status.size / 2, buffer, sizeof(buffer), &done);
    fs->operations->close(fs, file);
}

static inline void use_change(struct file_system *fs, const struct used_names *names)
{
    char data[5000] = "something";

    for (size_t i = 0; i < 12 && names->count; i++) {
        size_t which = dice((uint32_t)names->count), other = dice((uint32_t)names->count);
        const char *path = names->paths[which];
        void *file;

        switch (dice(6)) {
        case 0:
            fs->operations->remove(fs, path, names->folders[which]);
            break;
        case 1:
            fs->operations->rename(fs, path, names->paths[other]);
            break;
        case 2:
            if (!fs->operations->open(fs, path, O_RDWR, &file)) {
                fs->operations->truncate(fs, file, dice(100000));
                fs->operations->remove(fs, path, false);
                fs->operations->close(fs, file);
            }
            break;
        case 3:
            fs->operations->make_directory(fs, "/made");
            fs->operations->rename(fs, path, "/made/other");
            break;
        case 4:
            fs->operations->sync(fs);
            break;
        default:
            use_write(fs, path, data, sizeof(data), dice(2) ? FILE_END : dice(1u << 24));
            use_write(fs, "/made-file", data, sizeof(data), dice(300000));
        }
    }
}

static inline void use_all(bool read_only)
{
    static struct used_names names;
    struct file_system_usage usage;
    struct file_system *fs;
    struct ext_probe probe;
    const char *why;

    ext_probe(&disk, &probe);
    if (ext_mount(&disk, read_only, &fs, &why))
        return;
    names.count = 0;
    names.folder = "";
    fs->operations->list(fs, "/", use_note, &names);
    for (size_t i = 0; i < names.count; i++) {
        names.folder = names.paths[i];
        if (names.folders[i])
            fs->operations->list(fs, names.paths[i], use_note, &names);
    }
    for (size_t i = 0; i < names.count; i++)
        use_read(fs, names.paths[i]);
    if (!fs->read_only)
        use_change(fs, &names);
    fs->operations->usage(fs, &usage);
    fs->operations->unmount(fs);
}

#endif

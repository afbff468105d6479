/*
 * File systems of the ext family: the input changes words of an image (where, what it becomes),
 * then everything is done with it.
 *
 * Sources: dom0/storage/ext-[a-z]*.c
 * Ext: yes
 */
#define EXT_WORLD_FUZZ
#include "../unit/ext-use.h"

#define IMAGES 3
#define BYTES  (4u << 20)

static uint8_t images[IMAGES][BYTES];

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One with files in it, as our own code makes them. */
static void make(uint8_t *image, const char *options)
{
    static uint8_t data[40000];
    struct file_system *fs;
    const char *why;
    char command[256], path[] = "/tmp/paravane-fuzz-XXXXXX", name[32];
    int fd = mkstemp(path);

    snprintf(command, sizeof(command), "/sbin/mke2fs -q -F %s %s 4096", options, path);
    if (fd < 0 || ftruncate(fd, BYTES) || system(command) || pread(fd, image, BYTES, 0) != BYTES)
        abort();
    close(fd);
    unlink(path);
    world_load(image, BYTES);
    if (ext_mount(&disk, false, &fs, &why))
        abort();
    fs->operations->make_directory(fs, "/d");
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "%s/file-%d", i % 2 ? "/d" : "", i);
        use_write(fs, name, data, (size_t)i * 2000, i % 5 ? 0 : 1u << 20);
    }
    fs->operations->unmount(fs);
    memcpy(image, world.seen, BYTES);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    make(images[0], "-t ext4 -b 1024 -O ^metadata_csum");
    make(images[1], "-t ext4 -b 1024");
    make(images[2], "-t ext2 -b 1024");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    world_load(images[data[0] % IMAGES], BYTES);
    dice_state = 1 + data[0];
    for (size_t at = 1; at + 7 <= size; at += 7) {
        uint32_t where = 0;

        memcpy(&where, data + at, 3);
        memcpy(world.seen + where % (BYTES - 4), data + at + 3, 4);
    }
    use_all(data[0] & 0x80);
    return 0;
}

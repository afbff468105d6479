/*
 * Symbolic links, as Linux and attackers make them: short, long, to folders, upwards, in circles,
 * and longer than the block they are in; and what goes with a link is the link.
 *
 * Sources: dom0/storage/ext-disk.c dom0/storage/ext-io.c dom0/storage/ext-journal.c
 *   dom0/storage/ext-replay.c dom0/storage/ext-transaction.c dom0/storage/ext-inodes.c
 *   dom0/storage/ext-names.c dom0/storage/ext-files.c dom0/storage/ext-mount.c
 *   dom0/storage/ext-bitmaps.c dom0/storage/ext-claims.c
 * Ext: yes
 */
#include "ext-world.h"

#include <fcntl.h>

static struct file_system *fs;

/* A disk with what debugfs's commands make in it. */
static void make(const char *commands)
{
    const char *why = NULL;
    char command[2048];

    world_make("-t ext4 -b 1024 -O ^metadata_csum", 4);
    FILE *file = fopen(image_file(), "wb");

    assert_int_equal(fwrite(world.seen, 1, world.bytes, file), world.bytes);
    fclose(file);
    snprintf(command, sizeof(command), "printf '%s' | /sbin/debugfs -w -f - %s >/dev/null 2>&1",
             commands, image_path);
    assert_int_equal(system(command), 0);
    file = fopen(image_path, "rb");
    assert_int_equal(fread(world.seen, 1, world.bytes, file), world.bytes);
    fclose(file);
    unlink(image_path);
    world_load(world.seen, world.bytes);
    assert_int_equal(ext_mount(&disk, false, &fs, &why), 0);
}

static void finish(void)
{
    assert_int_equal(fs->operations->unmount(fs), 0);
    world_end();
}

static int status_of(const char *path)
{
    struct file_status status = { 0 };
    int error = fs->operations->status(fs, path, &status);

    return error ? error : status.is_directory ? 1 : 0;
}

static void links_lead_somewhere(void **state)
{
    (void)state;
    make("mkdir a\\nmkdir a/b\\nwrite /etc/hostname a/b/file\\n"
         "symlink short a/b\\nsymlink absolute /a/b/file\\nsymlink a/b/up ../../short/file\\n"
         "symlink a/long ./././././././././././././././././././././././././././././././b/file\\n"
         "symlink circle other\\nsymlink other circle\\nsymlink nowhere /not/there\\n");
    assert_int_equal(status_of("/short"), 1);
    assert_int_equal(status_of("/short/file"), 0);
    assert_int_equal(status_of("/absolute"), 0);
    assert_int_equal(status_of("/a/b/up"), 0);
    assert_int_equal(status_of("/a/long"), 0);
    assert_int_equal(status_of("/a/b/file/x"), -ENOTDIR);
    assert_int_equal(status_of("/circle"), -ELOOP);
    assert_int_equal(status_of("/circle/x"), -ELOOP);
    assert_int_equal(status_of("/nowhere"), -ENOENT);
    finish();
}

static void a_link_is_removed_and_not_what_it_leads_to(void **state)
{
    void *file;

    (void)state;
    make("mkdir a\\nwrite /etc/hostname a/file\\nsymlink folder a\\nsymlink file a/file\\n"
         "symlink nowhere x/y\\n");
    assert_int_equal(fs->operations->remove(fs, "/folder", true), -ENOTDIR);
    assert_int_equal(fs->operations->remove(fs, "/folder", false), 0);
    assert_int_equal(fs->operations->rename(fs, "/file", "/renamed"), 0);
    assert_int_equal(status_of("/renamed"), 0);
    assert_int_equal(fs->operations->remove(fs, "/renamed", false), 0);
    assert_int_equal(status_of("/a/file"), 0);
    assert_int_equal(fs->operations->open(fs, "/nowhere", O_CREAT | O_WRONLY, &file), -ENOENT);
    assert_int_equal(fs->operations->unmount(fs), 0);
    assert_int_equal(world_check("-fn"), 0);
    world_end();
}

static void a_link_that_says_it_is_longer(void **state)
{
    (void)state;
    make("mkdir a\\n"
         "symlink long ././././././././././././././././././././././././././././././././././a\\n"
         "sif long size 900000\\n");
    assert_int_equal(status_of("/long"), -ENAMETOOLONG);
    assert_int_equal(status_of("/long/x"), -ENAMETOOLONG);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_lead_somewhere),
        cmocka_unit_test(a_link_is_removed_and_not_what_it_leads_to),
        cmocka_unit_test(a_link_that_says_it_is_longer),
    };

    return cmocka_run_group_tests_name("ext-links", tests, NULL, NULL);
}

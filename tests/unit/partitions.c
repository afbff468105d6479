/*
 * Partition tables: GPT and MBR as sfdisk writes them, and tables whose fields lie.  A guest that
 * has a whole disk may write anything there; dom0 reads it at its next start.
 *
 * Sources: dom0/devices/partitions.c
 * Libraries: -lz
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "devices/block-device.h"
#include "pv-kernel/frames.h"

#define DISK_SECTORS 32768u

static char *image;
static struct block_device disk;
static struct block_device *found[16];
static unsigned int found_count;

void *frames_alloc(unsigned int order)
{
    return calloc(1, 4096u << order);
}

void frames_free(void *va, unsigned int order)
{
    (void)order;
    free(va);
}

int block_device_read(struct block_device *d, uint64_t sector, void *buffer, size_t bytes)
{
    if (sector >= d->sectors || bytes / 512 > d->sectors - sector)
        return -EINVAL;
    memcpy(buffer, image + sector * 512, bytes);
    return 0;
}

int block_device_register(struct block_device *device)
{
    found[found_count++] = device;
    return 0;
}

static void sfdisk(const char *script)
{
    char path[] = "/tmp/partitions-test.XXXXXX", command[256];
    int fd = mkstemp(path);
    FILE *file;

    assert_true(fd >= 0);
    file = fdopen(fd, "r+");
    fseek(file, DISK_SECTORS * 512L - 1, SEEK_SET);
    fputc(0, file);
    fflush(file);
    snprintf(command, sizeof(command), "printf '%s' | /sbin/sfdisk -q %s", script, path);
    assert_int_equal(system(command), 0);
    rewind(file);
    assert_int_equal(fread(image, 512, DISK_SECTORS, file), DISK_SECTORS);
    fclose(file);
    remove(path);
}

static int setup(void **state)
{
    (void)state;
    image = calloc(DISK_SECTORS, 512);
    disk = (struct block_device){ .name = "vda",
                                  .sectors = DISK_SECTORS,
                                  .limits = { .sector_size = 512 } };
    found_count = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < found_count; i++)
        free(found[i]);
    free(image);
    return 0;
}

static void test_gpt(void **state)
{
    (void)state;
    sfdisk("label: gpt\\nstart=2048, size=4096, name=first\\nstart=8192, size=1000\\n");
    assert_int_equal(partitions_scan(&disk), 0);
    assert_int_equal(found_count, 2);
    assert_string_equal(found[0]->name, "vda1");
    assert_string_equal(found[0]->partition_name, "first");
    assert_int_equal(found[0]->first_sector, 2048);
    assert_int_equal(found[0]->sectors, 4096);
    assert_string_equal(found[1]->name, "vda2");
    assert_ptr_equal(found[1]->parent, &disk);
}

static void test_mbr(void **state)
{
    (void)state;
    sfdisk("label: dos\\nstart=2048, size=4096\\n");
    assert_int_equal(partitions_scan(&disk), 0);
    assert_int_equal(found_count, 1);
    assert_int_equal(found[0]->sectors, 4096);
}

static void test_none(void **state)
{
    (void)state;
    assert_int_equal(partitions_scan(&disk), 0);
    assert_int_equal(found_count, 0);
    memset(image, 0xff, DISK_SECTORS * 512u);
    partitions_scan(&disk);
    assert_int_equal(found_count, 0);
}

/* Every byte of header and first entries changed: the checksums must refuse each. */
static void test_gpt_damaged(void **state)
{
    (void)state;
    sfdisk("label: gpt\\nstart=2048, size=4096\\n");
    for (unsigned int at = 512; at < 512 + 92; at++) {
        image[at] ^= 0x55;
        partitions_scan(&disk);
        assert_int_equal(found_count, 0);
        image[at] ^= 0x55;
    }
    for (unsigned int at = 1024; at < 1024 + 128; at++) {
        image[at] ^= 0x55;
        partitions_scan(&disk);
        assert_int_equal(found_count, 0);
        image[at] ^= 0x55;
    }
}

/* An MBR entry that leaves the disk, or wraps. */
static void test_mbr_outside(void **state)
{
    static const uint32_t starts[] = { DISK_SECTORS, 0xffffffff, 30000, 100 };
    static const uint32_t sizes[] = { 1, 0xffffffff, 5000, 0 };

    (void)state;
    for (int i = 0; i < 4; i++) {
        image[510] = 0x55;
        image[511] = (char)0xaa;
        image[446 + 4] = (char)0x83;
        memcpy(image + 446 + 8, &starts[i], 4);
        memcpy(image + 446 + 12, &sizes[i], 4);
        partitions_scan(&disk);
        assert_int_equal(found_count, 0);
    }
}

#define HEADER  (1u * disk.limits.sector_size)
#define ENTRIES (2u * disk.limits.sector_size)

static void put64(unsigned int at, uint64_t value)
{
    memcpy(image + at, &value, sizeof(value));
}

/* A guest knows how checksums are made. */
static void sign(void)
{
    uint32_t crc = (uint32_t)crc32(0, (void *)(image + ENTRIES), 128 * 128);

    memcpy(image + HEADER + 88, &crc, 4);
    memset(image + HEADER + 16, 0, 4);
    crc = (uint32_t)crc32(0, (void *)(image + HEADER), 92);
    memcpy(image + HEADER + 16, &crc, 4);
}

/* The table is refused, the disk is not. */
static void expect_refused(void)
{
    sign();
    assert_int_equal(partitions_scan(&disk), 0);
    assert_int_equal(found_count, 0);
}

static void test_entries_array_past_the_end(void **state)
{
    static const uint64_t places[] = {
        DISK_SECTORS, DISK_SECTORS - 1, UINT64_MAX, UINT64_MAX / 512, 1ULL << 63, 0, 1
    };

    (void)state;
    sfdisk("label: gpt\\nstart=2048, size=4096\\n");
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        put64(HEADER + 72, places[i]);
        expect_refused();
    }
}

static void test_entries_outside(void **state)
{
    static const uint64_t ranges[][2] = {
        { 2048, DISK_SECTORS },
        { 0, 10 },
        { 1, 1 },
        { 33, 2048 },
        { 2048, UINT64_MAX },
        { UINT64_MAX, 5 },
        { 4096, 2048 },
        { DISK_SECTORS, DISK_SECTORS + 5 },
    };

    (void)state;
    sfdisk("label: gpt\\nstart=2048, size=4096\\n");
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
        put64(ENTRIES + 32, ranges[i][0]);
        put64(ENTRIES + 40, ranges[i][1]);
        expect_refused();
    }
}

/* The header may not call the whole disk usable, its own tables included. */
static void test_usable_part_holds_the_table(void **state)
{
    (void)state;
    sfdisk("label: gpt\\nstart=2048, size=4096\\n");
    put64(HEADER + 40, 2);
    put64(ENTRIES + 32, 2);
    expect_refused();
    put64(HEADER + 40, 34);
    put64(HEADER + 48, DISK_SECTORS);
    expect_refused();
}

static void test_entries_overlap(void **state)
{
    (void)state;
    sfdisk("label: gpt\\nstart=2048, size=4096\\nstart=8192, size=4096\\n");
    put64(ENTRIES + 128 + 32, 6143);
    expect_refused();
    put64(ENTRIES + 128 + 32, 6144);
    sign();
    assert_int_equal(partitions_scan(&disk), 0);
    assert_int_equal(found_count, 2);
}

static void test_mbr_overlap(void **state)
{
    uint32_t start = 6143;

    (void)state;
    sfdisk("label: dos\\nstart=2048, size=4096\\nstart=8192, size=4096\\n");
    memcpy(image + 446 + 16 + 8, &start, 4);
    assert_int_equal(partitions_scan(&disk), 0);
    assert_int_equal(found_count, 0);
}

/* Names come to the operator's terminal, numbers into configs. */
static void test_labels(void **state)
{
    (void)state;
    sfdisk("label: gpt\\nstart=2048, size=4096, name=ab, "
           "uuid=01234567-89AB-CDEF-0123-456789ABCDEF\\n");
    image[ENTRIES + 56] = 27;
    sign();
    assert_int_equal(partitions_scan(&disk), 0);
    assert_string_equal(found[0]->partition_name, "?b");
    assert_string_equal(found[0]->partition_uuid, "01234567-89ab-cdef-0123-456789abcdef");
    assert_int_equal(found[0]->partition, 1);
}

/* Everything in a table counts in the disk's own sectors. */
static void test_sectors_of_4096(void **state)
{
    (void)state;
    sfdisk("label: gpt\\nstart=2048, size=4096, name=big\\n");
    memmove(image + 8192, image + 1024, 128 * 128);
    memcpy(image + 4096, image + 512, 512);
    disk.limits.sector_size = 4096;
    put64(HEADER + 40, 6);
    put64(HEADER + 48, DISK_SECTORS / 8 - 6);
    put64(ENTRIES + 32, 256);
    put64(ENTRIES + 40, 256 + 512 - 1);
    sign();
    assert_int_equal(partitions_scan(&disk), 0);
    assert_int_equal(found_count, 1);
    assert_int_equal(found[0]->first_sector, 2048);
    assert_int_equal(found[0]->sectors, 4096);
    assert_int_equal(found[0]->limits.sector_size, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gpt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mbr, setup, teardown),
        cmocka_unit_test_setup_teardown(test_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gpt_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mbr_outside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_entries_array_past_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_entries_outside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_usable_part_holds_the_table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_entries_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mbr_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_labels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sectors_of_4096, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

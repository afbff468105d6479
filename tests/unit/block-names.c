/*
 * Names of disks and partitions, and which of them share sectors: what decides whose disk a config
 * means.  The toolstack, which knows the backend's nodes only, must come to the same.
 *
 * Sources: dom0/devices/block-names.c dom0/devices/block-device.c dom0/tasks/turns.c
 * Sources: split-drivers/block/back/disk-nodes.c split-drivers/handshake/xenbus.c
 * Sources: tools/vmctl/platform/dom0-disk.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "devices/block-device.h"
#include "fake-store.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include "split-drivers/block/back/disk-nodes.h"
#include "tasks/wait-queue.h"
#include "vmctl/platform/platform.h"

uint64_t frames_virt_to_machine(const void *va)
{
    return (uint64_t)va;
}

void task_sleep_ns(uint64_t ns)
{
    (void)ns;
}

void wait_queue_wait(struct wait_queue *queue)
{
    (void)queue;
}

void wait_queue_wake_all(struct wait_queue *queue)
{
    (void)queue;
}

static int submitted(struct block_device *device, struct block_request *request)
{
    (void)device;
    (void)request;
    return 0;
}

static const struct block_driver driver = { .submit = submitted };

static struct block_device disks[2] = {
    { .name = "vda",
      .sectors = 10000,
      .limits = { .sector_size = 512 },
      .id = "virtio-one",
      .driver = &driver,
      .place = "0000:00:04.0" },
    { .name = "vdb",
      .sectors = 10000,
      .limits = { .sector_size = 4096 },
      .id = "virtio-two",
      .driver = &driver,
      .place = "0000:00:05.0" },
};
static struct block_device parts[4] = {
    { .name = "vda1",
      .parent = &disks[0],
      .partition = 1,
      .first_sector = 100,
      .sectors = 50,
      .limits = { .sector_size = 512 },
      .partition_name = "root",
      .partition_uuid = "0a-1" },
    { .name = "vda2",
      .parent = &disks[0],
      .partition = 2,
      .first_sector = 150,
      .sectors = 50,
      .limits = { .sector_size = 512 },
      .partition_name = "mine" },
    { .name = "vda3",
      .parent = &disks[0],
      .partition = 3,
      .first_sector = 190,
      .sectors = 50,
      .limits = { .sector_size = 512 } },
    { .name = "vdb1",
      .read_only = true,
      .parent = &disks[1],
      .partition = 1,
      .first_sector = 104,
      .sectors = 48,
      .limits = { .sector_size = 4096 },
      .partition_name = "root" },
};

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(block_device_register(&disks[i]), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(block_device_register(&parts[i]), 0);
    assert_int_equal(block_device_register(&parts[0]), -EEXIST);
    assert_int_equal(disk_nodes_publish(xs_open()), 0);
    return 0;
}

static void finds(const char *name, const struct block_device *want)
{
    const struct block_device *disk = want->parent ? want->parent : want;
    struct block_device *device;
    struct platform_disk told;

    assert_int_equal(block_device_find(name, &device), 0);
    assert_ptr_equal(device, want);
    assert_int_equal(platform_disk_find(name, &told), 0);
    assert_string_equal(told.path + strlen("/dev/"), want->name);
    assert_string_equal(told.disk, disk->name);
    assert_int_equal(told.first, want->first_sector);
    assert_int_equal(told.sectors, want->sectors);
    assert_int_equal(told.read_only, want->read_only);
}

static void fails(const char *name, int error)
{
    struct block_device *device;
    struct platform_disk told;

    assert_int_equal(block_device_find(name, &device), error);
    assert_int_equal(platform_disk_find(name, &told), error);
}

static void test_names(void **state)
{
    (void)state;
    finds("vda", &disks[0]);
    finds("/dev/vdb1", &parts[3]);
    finds("PARTLABEL=mine", &parts[1]);
    finds("/dev/disk/by-partlabel/mine", &parts[1]);
    finds("PARTUUID=0A-1", &parts[0]);
    finds("/dev/disk/by-partuuid/0a-1", &parts[0]);
    finds("/dev/disk/by-id/virtio-two", &disks[1]);
    finds("/dev/disk/by-id/virtio-one-part2", &parts[1]);
    finds("/dev/disk/by-path/pci-0000:00:05.0", &disks[1]);
    finds("/dev/disk/by-path/pci-0000:00:05.0-part1", &parts[3]);
    finds("/dev/disk/by-path/virtio-pci-0000:00:04.0", &disks[0]);
}

/* What two devices answer to, and what none does; an empty name is no name. */
static void test_no_names(void **state)
{
    (void)state;
    fails("PARTLABEL=root", -EMLINK);
    fails("PARTLABEL=", -ENODEV);
    fails("PARTUUID=", -ENODEV);
    fails("PARTLABEL=nobody", -ENODEV);
    fails("", -ENODEV);
    fails("/dev/", -ENODEV);
    fails("vdc", -ENODEV);
    fails("/dev/disk/by-id/virtio-", -ENODEV);
    fails("/dev/disk/by-id/virtio-one-part9", -ENODEV);
    fails("/dev/disk/by-id/virtio-on", -ENODEV);
}

static void claims(struct block_device *first, bool writable, struct block_device *second,
                   bool writable_too, int want)
{
    assert_int_equal(block_device_claim(first, writable), 0);
    assert_int_equal(block_device_claim(second, writable_too), want);
    if (!want)
        block_device_release(second, writable_too);
    block_device_release(first, writable);
}

static void test_claims(void **state)
{
    (void)state;
    claims(&disks[0], true, &parts[0], true, -EBUSY);
    claims(&parts[0], true, &disks[0], false, -EBUSY);
    claims(&parts[0], false, &disks[0], true, -EBUSY);
    claims(&parts[0], true, &parts[1], true, 0);
    claims(&parts[1], true, &parts[2], false, -EBUSY); /* two partitions that overlap */
    claims(&parts[1], false, &parts[2], false, 0);
    claims(&disks[1], true, &parts[0], true, 0);
}

static void test_whole_sectors(void **state)
{
    struct block_segment segment = { .bytes = 4096 };
    struct block_request request = {
        .operation = BLOCK_READ, .sector = 8, .segment_count = 1, .segments = &segment
    };
    struct turn turn = { .waits = false };

    (void)state;
    assert_int_equal(block_device_submit(&parts[3], &request, &turn), 0);
    request.sector = 9;
    assert_int_equal(block_device_submit(&parts[3], &request, &turn), -EINVAL);
    request.sector = 8;
    segment.bytes = 512;
    assert_int_equal(block_device_submit(&parts[3], &request, &turn), -EINVAL);
    assert_int_equal(block_device_submit(&parts[0], &request, &turn), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_names),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_whole_sectors),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}

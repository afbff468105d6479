/*
 * The driver for SCSI disks on virtio-scsi controllers: who is there, reading and writing, what a
 * disk says besides, silence, and targets and controllers that lie.
 *
 * Sources: dom0/devices/virtio-scsi.c dom0/devices/virtio-scsi-scan.c dom0/devices/virtio-slots.c
 * dom0/devices/scsi.c dom0/devices/scsi-answers.c dom0/devices/disk-names.c
 * dom0/devices/disk-cut.c dom0/devices/disk-commands.c dom0/devices/disk-controller.c
 * dom0/devices/block-device.c dom0/devices/pci-names.c dom0/tasks/turns.c
 */
#include <stdio.h>
#include "fake-virtio-scsi.h"
#include "devices/virtio-scsi.h"

static struct block_device *one, *large, *liar;
static struct fake_target *targets = devices[0].targets;

static int start(void **state)
{
    (void)state;
    for (unsigned int n = 0; n < TARGETS; n++)
        targets[n].bad_block = devices[1].targets[n].bad_block = BLOCKS;
    targets[0].attentions = 3; /* as after power on */
    targets[1].busy = 2;
    virtio_scsi_start();
    one = disk_named("sda");
    large = disk_named("sdb");
    liar = disk_named("sdc");
    return 0;
}

static int again(void **state)
{
    (void)state;
    users_leave();
    for (unsigned int n = 0; n < TARGETS; n++) {
        targets[n].seen_count = targets[n].attentions = targets[n].busy = 0;
        targets[n].bad_block = BLOCKS;
        targets[n].holds = targets[n].aborts_bare = targets[n].short_answers = false;
    }
    devices[0].resets = 0;
    return 0;
}

static void disks_have_names(void **state)
{
    (void)state;
    assert_true(one && large && liar);
    assert_null(disk_named("sdd")); /* the liar's second unit */
    assert_null(disk_named("sde")); /* sectors of 520 bytes */
    assert_string_equal(one->id, "scsi-0FAKE_SOME_DISK_one");
    assert_string_equal(large->id, "scsi-0FAKE_SOME_DISK_a_b");
    assert_string_equal(liar->id, "scsi-SFAKE_SOME_DISK_SER");
    assert_string_equal(one->model, "FAKE_SOME_DISK");
    assert_string_equal(large->place, "0000:00:05.0-scsi-0:0:1:0");
    assert_int_equal(one->sectors, BLOCKS);
    assert_int_equal(large->sectors, BLOCKS * 8);
    assert_int_equal(one->limits.physical_sector_size, 4096);
    assert_int_equal(one->limits.segments, 126);
    assert_true(!one->limits.flush && !one->limits.fua && !one->limits.discard_sectors);
    assert_true(large->limits.flush && large->limits.fua);
    assert_int_equal(large->limits.discard_sectors, 8000);
    assert_int_equal(large->limits.discard_granularity, 8192);
    assert_false(liar->limits.flush);
    assert_int_equal(devices[0].resets, 1); /* for the silent one */
    assert_int_equal(((struct disk *)one)->slots, 8);
}

static void nobodys_memory_comes_back(void **state)
{
    unsigned int queue_pages = 1; /* the ring stays */

    (void)state;
    assert_int_equal(devices[1].resets, 1);
    assert_true(pages_used() <= 64 + 8 + 2 + 1 + queue_pages + 2);
}

static void reads_and_writes(void **state)
{
    (void)state;
    for (unsigned int n = 0; n < 6; n++) {
        assert_int_equal(ask(2 * n, one, BLOCK_WRITE, 8 * n, 1, (char)('a' + n)), 0);
        assert_int_equal(ask(2 * n + 1, large, BLOCK_WRITE, 16 * n, 2, (char)('A' + n)), 0);
    }
    block_device_kick(one);
    a_while();
    assert_int_equal(count(12, 0), 12);
    users_leave();
    for (unsigned int n = 0; n < 6; n++) {
        assert_int_equal(ask(2 * n, one, BLOCK_READ, 8 * n, 1, '-'), 0);
        assert_int_equal(ask(2 * n + 1, large, BLOCK_READ, 16 * n, 2, '-'), 0);
    }
    block_device_kick(one);
    a_while();
    assert_int_equal(count(12, 0), 12);
    for (unsigned int n = 0; n < 6; n++) {
        assert_true(holds(&users[2 * n], (char)('a' + n)));
        assert_true(holds(&users[2 * n + 1], (char)('A' + n)));
    }
}

static void flushes_and_ranges(void **state)
{
    const char *storage = targets[1].storage;

    (void)state;
    memset(targets[1].storage, 'x', sizeof(targets[1].storage));
    assert_int_equal(ask(0, large, BLOCK_WRITE, 0, 1, 'f'), 0);
    users[0].request.fua = true;
    assert_int_equal(ask_bare(1, large, BLOCK_FLUSH, 0, 0), 0);
    assert_int_equal(ask_bare(2, large, BLOCK_DISCARD, 8, 16), 0);
    assert_int_equal(ask_bare(3, large, BLOCK_WRITE_ZEROES, 32, 16), 0);
    block_device_kick(large);
    a_while();
    assert_int_equal(count(4, 0), 4);
    assert_true(storage[0] == 'f' && !storage[4096] && !storage[3 * 4096 - 1]);
    assert_true(storage[3 * 4096] == 'x' && !storage[4 * 4096] && !storage[6 * 4096 - 1]);
    assert_true(storage[6 * 4096] == 'x');
    targets[1].aborts_bare = true;
    assert_int_equal(ask_bare(4, large, BLOCK_DISCARD, 8, 16), 0);
    assert_int_equal(ask_bare(5, large, BLOCK_WRITE_ZEROES, 8, 16), 0);
    block_device_kick(large);
    a_while();
    assert_int_equal(users[4].error, -EOPNOTSUPP);
    assert_int_equal(users[5].error, -EOPNOTSUPP);
}

static void a_bad_block_is_its_readers_alone(void **state)
{
    (void)state;
    targets[0].bad_block = 17;
    for (unsigned int n = 0; n < 4; n++)
        assert_int_equal(ask(n, one, BLOCK_READ, 8 * n, 1, '-'), 0);
    block_device_kick(one);
    a_while();
    assert_int_equal(count(4, 0), 3);
    assert_int_equal(users[2].error, -EIO);
    targets[0].short_answers = true;
    assert_int_equal(ask(4, one, BLOCK_READ, 0, 1, '-'), 0);
    block_device_kick(one);
    a_while();
    assert_int_equal(users[4].error, -EIO);
    assert_int_equal(devices[0].resets, 0);
}

static void what_a_disk_says_besides(void **state)
{
    (void)state;
    targets[0].attentions = 3;
    assert_int_equal(ask(0, one, BLOCK_WRITE, 0, 1, 'u'), 0);
    block_device_kick(one);
    a_while();
    assert_int_equal(count(1, 0), 1);
    assert_int_equal(targets[0].seen_count, 4);
    targets[0].attentions = 1000;
    assert_int_equal(ask(1, one, BLOCK_WRITE, 0, 1, 'u'), 0);
    block_device_kick(one);
    a_while();
    assert_int_equal(users[1].error, -EIO);
    targets[0].attentions = 0;
    targets[0].busy = 2;
    assert_int_equal(ask(2, one, BLOCK_WRITE, 0, 1, 'u'), 0);
    block_device_kick(one);
    a_while();
    assert_int_equal(users[2].ended, 0);
    for (int i = 0; i < 10; i++)
        tasks_run(now + SECOND);
    assert_true(users[2].ended && !users[2].error);
    assert_int_equal(devices[0].resets, 0);
}

static void silence_costs_the_silent_one(void **state)
{
    uint64_t begun = now;

    (void)state;
    targets[0].holds = true;
    assert_int_equal(ask(0, one, BLOCK_READ, 0, 1, '-'), 0);
    block_device_kick(one);
    tasks_run(begun + 20 * SECOND);
    for (unsigned int n = 1; n < 5; n++) {
        assert_int_equal(ask(n, large, BLOCK_READ, 8 * n, 1, '-'), 0);
        block_device_kick(large);
        a_while();
    }
    assert_int_equal(count(5, 0), 4);
    targets[1].holds = true;
    assert_int_equal(ask(5, large, BLOCK_WRITE, 8, 1, 'w'), 0);
    block_device_kick(large);
    tasks_run(begun + 33 * SECOND);
    targets[0].holds = targets[1].holds = false;
    a_while();
    assert_int_equal(devices[0].resets, 1);
    assert_int_equal(users[0].error, -EIO);
    assert_int_equal(count(6, 0), 5);
    assert_int_equal(targets[1].storage[4096], 'w');
}

static void a_device_that_lies(void **state)
{
    struct fake_device *of = &devices[0];
    struct virtio_scsi *scsi = ((struct disk_controller *)of->handler_arg)->state;
    unsigned int added;

    (void)state;
    targets[0].holds = true;
    assert_int_equal(ask(0, one, BLOCK_READ, 0, 1, '-'), 0);
    block_device_kick(one);
    added = of->added;
    virtio_scsi_memory_of(scsi, 0)->response.response = VIRTIO_SCSI_ABORTED; /* of a free slot */
    for (unsigned int head = 0; head < 300; head++)
        if (head != of->ring[of->published - 1])
            of->used[of->used_count++] = (uint16_t)head;
    a_while();
    assert_int_equal(users[0].ended, 0);
    assert_int_equal(of->added, added);
    targets[0].holds = false;
    a_while();
    assert_int_equal(count(1, 0), 1);
    of->needs_reset = true;
    assert_int_equal(ask(1, one, BLOCK_READ, 0, 1, '-'), 0);
    block_device_kick(one);
    for (int i = 0; i < 4; i++)
        tasks_run(now + SECOND);
    assert_int_equal(count(2, 0), 2);
    assert_int_equal(of->resets, 1);
}

static enum scsi_verdict of_sense(size_t bytes, uint8_t first, uint8_t key)
{
    uint8_t sense[96] = { first };

    sense[(first & 0x7e) == 0x72 ? 1 : 2] = key;
    sense[(first & 0x7e) == 0x72 ? 2 : 12] = 4;
    sense[(first & 0x7e) == 0x72 ? 3 : 13] = 1;
    return scsi_verdict(2, sense, bytes);
}

static void verdicts(void **state)
{
    (void)state;
    assert_int_equal(of_sense(18, 0x70, 1), SCSI_GOOD);
    assert_int_equal(of_sense(18, 0x70, 6), SCSI_AGAIN);
    assert_int_equal(of_sense(8, 0x72, 6), SCSI_AGAIN);
    assert_int_equal(of_sense(8, 0x72, 2), SCSI_LATER);
    assert_int_equal(of_sense(18, 0x70, 2), SCSI_LATER);
    assert_int_equal(of_sense(8, 0x70, 2), SCSI_FAILED);
    assert_int_equal(of_sense(18, 0xf0, 3), SCSI_FAILED);
    assert_int_equal(of_sense(8, 0x73, 5), SCSI_ILLEGAL);
    assert_int_equal(of_sense(0, 0x70, 6), SCSI_FAILED);
    assert_int_equal(scsi_verdict(0x18, NULL, 0), SCSI_FAILED);
    assert_int_equal(scsi_verdict(0x08, NULL, 0), SCSI_LATER);
}

/* Answers of nothing but ones, in memory of their size: sanitizers see who reads on. */
static void answers_that_cannot_be(void **state)
{
    static const uint8_t pages[] = { SCSI_PAGE_SERIAL, SCSI_PAGE_IDS, SCSI_PAGE_LIMITS,
                                     SCSI_PAGE_THIN };
    uint8_t *answer = malloc(SCSI_ANSWER);
    struct scsi_identity identity = { .blocks = 0 };
    uint16_t luns[16];

    (void)state;
    memset(answer, 0xff, SCSI_ANSWER);
    assert_false(scsi_read_inquiry(answer, &identity));
    assert_int_equal(scsi_read_capacity(answer, &identity), -EINVAL);
    scsi_read_caching(answer, &identity);
    assert_false(identity.write_cache);
    assert_int_equal(scsi_read_luns(answer, luns, 16), 0);
    for (unsigned int i = 0; i < sizeof(pages); i++) {
        answer[1] = pages[i];
        scsi_read_page(answer, &identity);
    }
    assert_true(strlen(identity.id) < sizeof(identity.id));
    assert_true(identity.unmap_blocks <= 0x400000 && identity.same_blocks <= 0x400000);
    for (unsigned int i = 0; i < SCSI_ANSWER; i += 8)
        put_big(answer + i, 8, (uint64_t)(i & 0xf8) << 48);
    memset(answer, 0xff, 8);
    assert_int_equal(scsi_read_luns(answer, luns, 16), 16);
    memset(answer, 0x01, SCSI_ANSWER); /* binary, of kind 1, one byte after the other */
    answer[1] = SCSI_PAGE_IDS;
    scsi_read_page(answer, &identity);
    assert_string_equal(identity.id, "scsi-101");
    free(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disks_have_names),
        cmocka_unit_test(nobodys_memory_comes_back),
        cmocka_unit_test_setup(reads_and_writes, again),
        cmocka_unit_test_setup(flushes_and_ranges, again),
        cmocka_unit_test_setup(a_bad_block_is_its_readers_alone, again),
        cmocka_unit_test_setup(what_a_disk_says_besides, again),
        cmocka_unit_test_setup(silence_costs_the_silent_one, again),
        cmocka_unit_test_setup(a_device_that_lies, again),
        cmocka_unit_test(verdicts),
        cmocka_unit_test(answers_that_cannot_be),
    };

    return cmocka_run_group_tests_name("virtio-scsi", tests, start, NULL);
}

/*
 * The driver for SATA disks on AHCI controllers: who is there, queued commands and those that go
 * alone, a bad sector, silence, a disk that is pulled or swapped, sectors of 4096 bytes, memory
 * that the controller does not reach, and disks and controllers that say what cannot be.
 *
 * Sources: dom0/devices/ahci.c dom0/devices/ahci-port.c dom0/devices/ahci-commands.c
 * dom0/devices/ata-identity.c dom0/devices/disk-names.c dom0/devices/disk-cut.c
 * dom0/devices/disk-commands.c dom0/devices/disk-controller.c dom0/devices/block-device.c
 * dom0/devices/pci-names.c dom0/tasks/turns.c
 */
#include <stdio.h>
#include "fake-ahci.h"
#include "devices/ahci.h"

static struct block_device *one, *large, *pulled, *narrow, *swapped;
static struct fake_port *port_one = &hbas[0].ports[0];

static int start(void **state)
{
    (void)state;
    ahci_start();
    one = disk_named("sda");
    large = disk_named("sdb");
    pulled = disk_named("sdd");
    narrow = disk_named("sde");
    swapped = disk_named("sdf");
    return 0;
}

static int again(void **state)
{
    (void)state;
    users_leave();
    for (unsigned int h = 0; h < HBAS; h++)
        for (unsigned int n = 0; n < PORTS; n++) {
            struct fake_port *port = &hbas[h].ports[n];

            port->holds = port->seen_count = port->resets = 0;
            port->bad_sectors = 0;
            port->holds_all = port->aborts_trim = false;
        }
    return 0;
}

static void disks_have_names(void **state)
{
    (void)state;
    assert_true(one && large && pulled && narrow && swapped);
    assert_null(disk_named("sdc")); /* it never became ready, and keeps its letter */
    assert_null(disk_named("sdg"));
    assert_string_equal(one->id, "ata-FAKE_DISK_1_one");
    assert_string_equal(one->model, "FAKE_DISK_1");
    assert_string_equal(one->place, "0000:00:1f.2-ata-1");
    assert_string_equal(swapped->place, "0000:00:03.0-ata-2");
    assert_int_equal(one->sectors, STORAGE / 512);
    assert_int_equal(one->limits.physical_sector_size, 4096);
    assert_int_equal(one->limits.discard_sectors, 64 * 65535);
    assert_int_equal(large->sectors, STORAGE / 512);
    assert_int_equal(large->limits.sector_size, 4096);
    assert_int_equal(large->limits.discard_sectors, 0);
    assert_true(one->limits.flush && !one->limits.fua && !one->limits.address_end);
    assert_true(narrow->limits.address_end == 1ULL << 32);
    assert_int_equal(((struct disk *)one)->slots, 32);
    assert_int_equal(((struct disk *)narrow)->slots, 4);
}

static void many_are_queued(void **state)
{
    (void)state;
    port_one->holds_all = true;
    for (unsigned int n = 0; n < 20; n++)
        assert_int_equal(ask(n, one, BLOCK_WRITE, 16 * n, 2, (char)('a' + n)), 0);
    block_device_kick(one);
    assert_int_equal(__builtin_popcount(port_one->sact), 20);
    port_one->holds_all = false;
    a_while();
    assert_int_equal(count(20, 0), 20);
    users_leave();
    for (unsigned int n = 0; n < 20; n++)
        assert_int_equal(ask(n, one, BLOCK_READ, 16 * n, 2, '-'), 0);
    block_device_kick(one);
    a_while();
    assert_int_equal(count(20, 0), 20);
    for (unsigned int n = 0; n < 20; n++)
        assert_true(holds(&users[n], (char)('a' + n)));
    for (unsigned int i = 0; i < 40; i++)
        assert_true(COMMAND_NCQ(port_one->seen[i].command));
}

/* A flush waits for all that is in flight, and what comes after it waits for the flush. */
static void a_flush_goes_alone(void **state)
{
    (void)state;
    port_one->holds_all = true;
    for (unsigned int n = 0; n < 3; n++)
        assert_int_equal(ask(n, one, BLOCK_WRITE, 8 * n, 1, 'x'), 0);
    block_device_kick(one);
    assert_int_equal(ask_bare(3, one, BLOCK_FLUSH, 0, 0), 0);
    for (unsigned int n = 4; n < 6; n++)
        assert_int_equal(ask(n, one, BLOCK_READ, 8 * n, 1, 'y'), 0);
    block_device_kick(one);
    assert_int_equal(__builtin_popcount(port_one->ci), 3);
    port_one->holds_all = false;
    a_while();
    assert_int_equal(count(6, 0), 6);
    assert_int_equal(port_one->seen_count, 6);
    assert_int_equal(port_one->seen[3].command, ATA_FLUSH_CACHE_EXT);
    assert_int_equal(port_one->seen[5].command, ATA_READ_QUEUED);
}

static void flushes_and_reads_take_turns(void **state)
{
    unsigned int flushes = 0;

    (void)state;
    port_one->holds_all = true;
    for (unsigned int n = 0; n < 8; n++) {
        assert_int_equal(ask(2 * n, one, BLOCK_READ, 8 * n, 1, 'x'), 0);
        assert_int_equal(ask_bare(2 * n + 1, one, BLOCK_FLUSH, 0, 0), 0);
    }
    block_device_kick(one);
    port_one->holds_all = false;
    a_while();
    assert_int_equal(count(16, 0), 16);
    for (unsigned int i = 0; i < 2; i++)
        flushes += port_one->seen[i].command == ATA_FLUSH_CACHE_EXT;
    assert_int_equal(flushes, 1); /* then all reads, then the others */
}

static void discards(void **state)
{
    (void)state;
    memset(port_one->storage, 'd', STORAGE);
    assert_int_equal(ask_bare(0, one, BLOCK_DISCARD, 8, 64), 0);
    block_device_kick(one);
    a_while();
    assert_int_equal(count(1, 0), 1);
    assert_int_equal(port_one->storage[8 * 512 - 1], 'd');
    assert_int_equal(port_one->storage[8 * 512], 0);
    assert_int_equal(port_one->storage[72 * 512 - 1], 0);
    assert_int_equal(port_one->storage[72 * 512], 'd');
    port_one->aborts_trim = true;
    assert_int_equal(ask_bare(0, one, BLOCK_DISCARD, 8, 64), 0);
    block_device_kick(one);
    a_while();
    assert_int_equal(count(1, -EOPNOTSUPP), 1);
    assert_int_equal(port_one->resets, 0);
}

static void a_bad_sector_is_its_readers_alone(void **state)
{
    (void)state;
    port_one->bad_first = 8 * 7 + 3;
    port_one->bad_sectors = 1;
    for (unsigned int round = 0; round < 6; round++) { /* more than a silent one may be reset */
        users_leave();
        port_one->holds_all = true;
        for (unsigned int n = 0; n < 16; n++)
            assert_int_equal(ask(n, one, n % 2 ? BLOCK_READ : BLOCK_WRITE, 8 * n, 1, 'b'), 0);
        assert_int_equal(ask_bare(16, one, BLOCK_FLUSH, 0, 0), 0);
        block_device_kick(one);
        port_one->holds_all = false;
        a_while();
        assert_int_equal(count(17, 0), 16);
        assert_int_equal(users[7].error, -EIO);
        assert_int_equal(port_one->resets, round + 1);
    }
    assert_int_equal(ask(20, one, BLOCK_READ, 8 * 7, 1, 'b'), 0);
    block_device_kick(one);
    a_while();
    assert_int_equal(users[20].error, -EIO);
    users_leave();
    assert_int_equal(ask(0, one, BLOCK_READ, 0, 1, 'c'), 0);
    block_device_kick(one);
    a_while();
    assert_int_equal(ask(1, one, BLOCK_READ, 0, 1, 'c'), 0);
    block_device_kick(one);
    a_while();
    assert_int_equal(count(2, 0), 2);
    assert_int_equal(port_one->seen[(port_one->seen_count - 1) % LOG].command, ATA_READ_QUEUED);
}

static void silence_costs_the_silent_one(void **state)
{
    uint64_t begun = now;

    (void)state;
    assert_int_equal(ask(0, one, BLOCK_READ, 0, 1, 'x'), 0);
    block_device_kick(one);
    port_one->holds = port_one->ci;
    assert_int_equal(ask_bare(5, one, BLOCK_FLUSH, 0, 0),
                     0); /* it waits as long as the other hangs */
    tasks_run(begun + 20 * SECOND);
    for (unsigned int n = 1; n < 5; n++)
        assert_int_equal(ask(n, one, BLOCK_WRITE, 8 * n, 1, 'x'), 0);
    block_device_kick(one);
    tasks_run(begun + 25 * SECOND);
    assert_int_equal(port_one->resets, 0);
    assert_int_equal(count(6, 0), 0); /* the flush waits, and they with it */
    tasks_run(begun + 33 * SECOND);
    port_one->holds = 0;
    a_while();
    assert_int_equal(port_one->resets, 1);
    assert_int_equal(users[0].error, -EIO);
    assert_int_equal(count(6, 0), 5);
}

static void large_sectors(void **state)
{
    struct fake_port *port = &hbas[0].ports[3];

    (void)state;
    assert_int_equal(ask(0, large, BLOCK_READ, 4, 1, 'x'), -EINVAL);
    assert_int_equal(ask(1, large, BLOCK_WRITE, 16, 2, 'L'), 0);
    assert_int_equal(ask(2, large, BLOCK_WRITE, 32, 1, 'M'), 0);
    block_device_kick(large);
    a_while();
    assert_int_equal(users[1].ended + users[2].ended, 2);
    assert_int_equal(port->seen[0].command, ATA_WRITE_DMA_EXT);
    assert_true(port->seen[0].lba == 2 || port->seen[1].lba == 2);
    assert_int_equal(port->seen[0].count + port->seen[1].count, 3);
    assert_int_equal(port->storage[4 * 4096], 'M');
    port->bad_first = 4;
    port->bad_sectors = 1;
    assert_int_equal(ask(3, large, BLOCK_READ, 32, 1, 'x'), 0);
    assert_int_equal(ask(4, large, BLOCK_READ, 16, 2, 'x'), 0);
    block_device_kick(large);
    a_while();
    assert_int_equal(users[3].error, -EIO);
    assert_true(users[4].ended && !users[4].error && holds(&users[4], 'L'));
    assert_int_equal(port->resets, 0); /* it was alone */
}

/* Memory above 4 GiB goes through a page; who cannot copy gets an error. */
static void a_narrow_controller(void **state)
{
    (void)state;
    only_high = true;
    assert_int_equal(ask(0, narrow, BLOCK_WRITE, 0, 3, 'h'), 0);
    assert_true(users[0].segments[0].machine > 1ULL << 32);
    block_device_kick(narrow);
    a_while();
    assert_int_equal(count(1, 0), 1);
    assert_int_equal(hbas[1].ports[0].storage[3 * 4096 - 1], 'h');
    users_leave();
    assert_int_equal(ask(0, narrow, BLOCK_READ, 0, 3, '-'), 0);
    block_device_kick(narrow);
    a_while();
    assert_true(count(1, 0) == 1 && holds(&users[0], 'h'));
    users[0].request.copy = NULL;
    assert_int_equal(block_device_submit(narrow, &users[0].request, &turn), -EIO);
    only_high = false;
}

/* It starts anew, is not the one its users know, and nobody's data gets there. */
static void a_swapped_disk_is_no_disk(void **state)
{
    struct fake_port *port = &hbas[1].ports[1];

    (void)state;
    assert_int_equal(ask(0, swapped, BLOCK_WRITE, 0, 1, 's'), 0);
    block_device_kick(swapped);
    a_while();
    strcpy(port->serial, "another");
    port->is |= IS_CONNECTED | IS_PHY_CHANGED;
    port->serr |= SERR_LINK;
    a_while();
    assert_int_equal(ask(1, swapped, BLOCK_WRITE, 0, 1, 't'), -EIO);
    assert_int_equal(port->storage[0], 's');
}

static void a_pulled_disk_ends_what_it_had(void **state)
{
    struct fake_port *port = &hbas[0].ports[5];

    (void)state;
    port->holds_all = true;
    for (unsigned int n = 0; n < 40; n++)
        if (ask(n, pulled, BLOCK_WRITE, 8 * n % 64, 1, 's'))
            frames_free(users[n].pages[0], 0), users[n].request.segment_count = 0;
    block_device_kick(pulled);
    port->present = false;
    port->ssts = 0;
    tasks_run(now + 3 * SECOND);
    assert_int_equal(count(40, -EIO), 32);
    assert_int_equal(ask(41, pulled, BLOCK_WRITE, 0, 1, 't'), -EIO);
    assert_int_equal(ask(42, one, BLOCK_WRITE, 0, 1, 't'), 0);
    block_device_kick(one);
    a_while();
    assert_true(users[42].ended && !users[42].error);
}

/* Registers that say what cannot be: of slots that are not in flight, or all ones. */
static void a_controller_that_lies(void **state)
{
    (void)state;
    port_one->holds_all = true;
    assert_int_equal(ask(0, one, BLOCK_READ, 0, 1, 'x'), 0);
    block_device_kick(one);
    port_one->is |= IS_SET_BITS;
    port_one->sact |= 0xff00ff00;
    a_while();
    assert_int_equal(users[0].ended, 0);
    port_one->sact &= ~0xff00ff00u;
    port_one->holds_all = false;
    a_while();
    assert_int_equal(count(1, 0), 1);
    port_one->is |= IS_ERRORS; /* of nobody */
    a_while();
    assert_int_equal(ask(1, one, BLOCK_READ, 0, 1, 'x'), 0);
    block_device_kick(one);
    a_while();
    assert_int_equal(count(2, 0), 2);
}

/* An engine that does not stop touches memory no more: its controller is cut off. */
static void an_engine_that_does_not_stop(void **state)
{
    struct fake_port *port = &hbas[1].ports[0];

    (void)state;
    port->holds_all = port->sticks = true;
    assert_int_equal(ask(0, narrow, BLOCK_READ, 0, 1, 'x'), 0);
    block_device_kick(narrow);
    tasks_run(now + 40 * SECOND);
    assert_int_equal(users[0].error, -EIO);
    assert_true(hbas[1].cut_off);
    assert_int_equal(ask(1, narrow, BLOCK_READ, 0, 1, 'x'), -EIO);
}

static int read_changed(unsigned int word, uint16_t value)
{
    struct ata_identity identity;
    uint16_t words[256];

    identity_make(port_one, words);
    words[255] = 0;
    words[word] = value;
    return ata_identity_read(words, &identity);
}

static void identities_that_cannot_be(void **state)
{
    struct ata_identity identity;
    uint16_t words[256];

    (void)state;
    assert_int_equal(read_changed(1, 0), 0);
    assert_int_equal(read_changed(0, 0x8580), -ENODEV);
    assert_int_equal(read_changed(255, 0x12a5), -EIO);
    assert_int_equal(read_changed(83, 0x4000), -EOPNOTSUPP);
    assert_int_equal(read_changed(83, 0xffff), -EOPNOTSUPP);
    assert_int_equal(read_changed(100, 0), -EOPNOTSUPP);
    assert_int_equal(read_changed(106, 0x5000), -EOPNOTSUPP); /* sectors of 0 bytes */
    memset(words, 0xff, sizeof(words));
    words[0] = 0;
    assert_int_equal(ata_identity_read(words, &identity), -EOPNOTSUPP);
    words[255] = 0;
    words[83] = 0x4400;
    words[106] = 0x6fff;
    assert_int_equal(ata_identity_read(words, &identity), 0);
    assert_int_equal(identity.sectors, 0xffffffffffff);
    assert_int_equal(identity.physical_sector_size, 512);
    assert_string_equal(identity.serial, "____________________");
    assert_int_equal(identity.queued, 0);
}

static void memory_out_of_reach(void **state)
{
    unsigned int used = pages_used();

    (void)state;
    only_high = true;
    hbas[0].pci.class_code = 0; /* this time the second only */
    ahci_start();
    only_high = false;
    assert_null(disk_named("sdg"));
    assert_int_equal(pages_used(), used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(disks_have_names, again),
        cmocka_unit_test_setup(many_are_queued, again),
        cmocka_unit_test_setup(a_flush_goes_alone, again),
        cmocka_unit_test_setup(flushes_and_reads_take_turns, again),
        cmocka_unit_test_setup(discards, again),
        cmocka_unit_test_setup(a_bad_sector_is_its_readers_alone, again),
        cmocka_unit_test_setup(silence_costs_the_silent_one, again),
        cmocka_unit_test_setup(large_sectors, again),
        cmocka_unit_test_setup(a_narrow_controller, again),
        cmocka_unit_test_setup(a_controller_that_lies, again),
        cmocka_unit_test_setup(a_swapped_disk_is_no_disk, again),
        cmocka_unit_test_setup(a_pulled_disk_ends_what_it_had, again),
        cmocka_unit_test_setup(an_engine_that_does_not_stop, again),
        cmocka_unit_test_setup(identities_that_cannot_be, again),
        cmocka_unit_test_setup(memory_out_of_reach, again),
    };

    return cmocka_run_group_tests_name("ahci", tests, start, NULL);
}

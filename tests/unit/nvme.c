/*
 * The NVMe driver with a controller of registers and rings: data by pages and by pieces, blocks of
 * 512 and of 4096 bytes, commands without data, controllers that hang, fail, lie or go.
 *
 * Sources: dom0/devices/nvme.c dom0/devices/nvme-queues.c dom0/devices/nvme-commands.c
 * Sources: dom0/devices/disk-commands.c dom0/devices/disk-controller.c dom0/devices/disk-cut.c
 * Sources: dom0/devices/block-device.c dom0/devices/block-sleep.c dom0/devices/pci-names.c
 * Sources: dom0/tasks/turns.c
 */
#include "fake-nvme.h"

static uint8_t memory[1u << 20] __attribute__((aligned(4096)));
static uint8_t expected[BYTES];
static struct block_segment segments[BLOCK_MAX_SEGMENTS];
static struct block_request request;
static unsigned int ended;
static int said;

static void request_done(struct block_request *of, int error)
{
    (void)of;
    ended++;
    said = error;
}

static int request_copy(struct block_request *of, uint64_t offset, void *buffer, size_t bytes,
                        bool to_buffer)
{
    struct block_cursor at = { 0 };
    uint8_t *theirs = buffer;

    disk_cursor_skip(of, &at, offset);
    for (size_t i = 0; i < bytes; i++) {
        uint8_t *ours = (uint8_t *)of->segments[at.segment].machine + at.offset;

        *(to_buffer ? theirs + i : ours) = *(to_buffer ? ours : theirs + i);
        disk_cursor_skip(of, &at, 1);
    }
    return 0;
}

static void come(struct turn *of)
{
    (void)of;
}

static struct turn turn = { .come = come };

static struct block_device *disk_number(unsigned int n)
{
    struct block_device *disk = block_devices_first();

    while (n--)
        disk = disk->next;
    assert_non_null(disk);
    return disk;
}

static struct block_request *request_new(enum block_operation operation, uint64_t sector,
                                         unsigned int count)
{
    request = (struct block_request){ .operation = operation,
                                      .sector = sector,
                                      .segment_count = count,
                                      .segments = segments,
                                      .copy = request_copy,
                                      .done = request_done };
    ended = 0;
    said = 1;
    return &request;
}

static void request_runs(struct block_device *disk)
{
    assert_int_equal(block_device_submit(disk, &request, &turn), 0);
    block_device_kick(disk);
    for (unsigned int i = 0; i < 300 && !ended; i++) {
        device_runs();
        task_runs(now);
    }
}

/* Segments in every second page; of random parts of it, or whole. */
static uint64_t segments_make(unsigned int count, bool whole)
{
    uint64_t total = 0;

    for (unsigned int i = 0; i < count; i++) {
        uint32_t from = whole ? 0 : (uint32_t)rand() % 8;
        uint32_t to = whole ? 8 : from + 1 + (uint32_t)rand() % (8 - from);

        segments[i] = (struct block_segment){ (uint64_t)memory + (2 * i) * 4096 + from * 512,
                                              (to - from) * 512 };
        total += segments[i].bytes;
    }
    while (total % 4096) {
        segments[count - 1].bytes -= 512;
        total -= 512;
        if (!segments[count - 1].bytes)
            count--;
    }
    request.segment_count = count;
    return total;
}

static void fill(const uint8_t *from, uint8_t *to)
{
    for (unsigned int i = 0; i < request.segment_count; i++) {
        uint8_t *at = (uint8_t *)segments[i].machine;

        for (uint32_t b = 0; b < segments[i].bytes; b++)
            if (from)
                assert_int_equal(at[b], *from++);
            else
                at[b] = *to++ = (uint8_t)rand();
    }
}

static void data_goes_where_it_belongs(unsigned int number)
{
    struct block_device *disk = disk_number(number);

    memcpy(expected, medium[number], BYTES);
    for (unsigned int round = 0; round < 300; round++) {
        bool write = rand() % 2;
        uint64_t sector = ((uint64_t)rand() % 100) * 8;

        request_new(write ? BLOCK_WRITE : BLOCK_READ, sector, 0);
        if (!segments_make(1 + (unsigned int)rand() % 60, rand() % 3 == 0))
            continue;
        if (write)
            fill(NULL, expected + sector * 512);
        request_runs(disk);
        assert_int_equal(ended, 1);
        assert_int_equal(said, 0);
        if (!write)
            fill(expected + sector * 512, NULL);
        assert_memory_equal(expected, medium[number], BYTES);
    }
    assert_in_range(longest, 8192, 4096u << mdts);
}

static void it_says_what_it_is(void **state)
{
    const struct block_device *one = disk_number(0), *other = disk_number(1);

    (void)state;
    assert_string_equal(one->name, "nvme0n1");
    assert_string_equal(other->name, "nvme0n2");
    assert_string_equal(one->id, "nvme-A_model_S_1_1");
    assert_string_equal(other->place, "0000:00:04.0-nvme-2");
    assert_int_equal(one->sectors, BYTES / 512);
    assert_int_equal(other->sectors, BYTES / 512);
    assert_int_equal(other->limits.sector_size, 4096);
    assert_int_equal(one->limits.bytes, 32768);
    assert_string_equal(pci.driver, "nvme");
}

static void blocks_of_512(void **state)
{
    (void)state;
    data_goes_where_it_belongs(0);
}

static void blocks_of_4096(void **state)
{
    (void)state;
    data_goes_where_it_belongs(1);
}

/* The same where it takes pieces of any alignment. */
static void by_pieces_too(void **state)
{
    struct block_device *one = disk_number(0), *other = disk_number(1);

    (void)state;
    assert_int_equal(one->limits.boundary, 4096);
    takes_sgl = ((struct nvme_disk *)one)->nvme->sgl = true;
    one->limits.boundary = other->limits.boundary = 0;
    data_goes_where_it_belongs(0);
    data_goes_where_it_belongs(1);
    takes_sgl = ((struct nvme_disk *)one)->nvme->sgl = false;
    one->limits.boundary = other->limits.boundary = 4096;
}

static void commands_without_data(void **state)
{
    struct block_device *disk = disk_number(1);

    (void)state;
    request_new(BLOCK_FLUSH, 0, 0);
    request_runs(disk);
    assert_int_equal(said, 0);
    assert_int_equal(flushes, 1);
    request_new(BLOCK_DISCARD, 16, 0)->sectors = 80;
    request_runs(disk);
    assert_int_equal(said, 0);
    assert_int_equal(trimmed, 10);
    memset(medium[1], 1, BYTES);
    request_new(BLOCK_WRITE_ZEROES, 16, 0)->sectors = 80;
    request_runs(disk);
    assert_int_equal(said, 0);
    assert_int_equal(medium[1][16 * 512 - 1], 1);
    assert_int_equal(medium[1][16 * 512], 0);
    assert_int_equal(medium[1][96 * 512 - 1], 0);
    assert_int_equal(medium[1][96 * 512], 1);
    request_new(BLOCK_WRITE, 0, 0);
    segments_make(1, true);
    request.fua = true;
    request_runs(disk);
    assert_int_equal(fuas, 1);
}

static void a_bad_block_is_an_error(void **state)
{
    (void)state;
    bad_block = 9;
    request_new(BLOCK_READ, 0, 0);
    segments_make(4, true);
    request_runs(disk_number(0));
    assert_int_equal(ended, 1);
    assert_int_equal(said, -EIO);
    bad_block = -1;
    request_new(BLOCK_READ, 0, 0);
    segments_make(4, true);
    request_runs(disk_number(0));
    assert_int_equal(said, 0);
}

static void wild_answers_are_passed_over(void **state)
{
    static const uint16_t ids[] = { 126, 127, 128, 0xffff, 62, 1 };

    (void)state;
    request_new(BLOCK_READ, 0, 0);
    segments_make(1, true);
    hangs = true;
    assert_int_equal(block_device_submit(disk_number(0), &request, &turn), 0);
    block_device_kick(disk_number(0));
    for (unsigned int i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        if (disk_number(0)->driver) /* none of them is what it was given */
            answer(1, ids[i], 0, 0);
    message(7, message_arg);
    task_runs(now);
    assert_int_equal(ended, 0);
    hangs = false;
    device_runs();
    task_runs(now);
    assert_int_equal(ended, 1);
    assert_int_equal(said, 0);
}

static void what_hangs_is_reset(void **state)
{
    unsigned int before = disables;

    (void)state;
    request_new(BLOCK_READ, 0, 0);
    segments_make(1, true);
    hangs = true;
    assert_int_equal(block_device_submit(disk_number(0), &request, &turn), 0);
    block_device_kick(disk_number(0));
    device_runs();
    task_runs(now + 20 * SECOND);
    assert_int_equal(ended, 0);
    task_runs(now + 20 * SECOND);
    assert_int_equal(disables, before + 1);
    assert_int_equal(said, -EIO);
    hangs = false;
    device_runs();
    blocks_of_512(state);
}

static void what_says_it_failed_is_reset(void **state)
{
    unsigned int before = disables;

    (void)state;
    request_new(BLOCK_READ, 0, 0);
    segments_make(1, true);
    hangs = true;
    assert_int_equal(block_device_submit(disk_number(1), &request, &turn), 0);
    block_device_kick(disk_number(1));
    reg_set(0x1c, 3);
    task_runs(now + 2 * SECOND);
    assert_int_equal(disables, before + 1);
    assert_int_equal(ended, 0); /* it is asked again */
    hangs = false;
    device_runs();
    task_runs(now);
    assert_int_equal(said, 0);
    blocks_of_4096(state);
}

/* The last one: a namespace of another size after the reset, and then the controller is gone. */
static void what_is_another_disk_is_dead(void **state)
{
    (void)state;
    hangs = true;
    request_new(BLOCK_READ, 0, 0);
    segments_make(1, true);
    assert_int_equal(block_device_submit(disk_number(1), &request, &turn), 0);
    block_device_kick(disk_number(1));
    size_bytes[0] /= 2;
    reg_set(0x1c, 3);
    task_runs(now + 2 * SECOND);
    assert_int_equal(said, -EIO);
    assert_int_equal(block_device_submit(disk_number(1), &request, &turn), -EIO);
    assert_false(enabled);
}

static void formats_with_metadata_are_refused(void **state)
{
    struct block_device *last;

    (void)state;
    first_is_out = true; /* nvme1 is tried, whose names are free */
    pci.next = &second;
    namespace_metadata = 8;
    nvme_start();
    namespace_metadata = 0;
    protection = 1;
    nvme_start();
    protection = 0;
    block_shift[0] = 8;
    block_shift[1] = 13;
    nvme_start();
    for (last = block_devices_first(); last->next; last = last->next)
        ;
    assert_string_equal(last->name, "nvme0n2"); /* of setup's controller */
    block_shift[0] = 9;
    block_shift[1] = 12;
    is_gone = true;
    device_runs();
    nvme_start();
    assert_true(cuts_off > 0);
}

static int start(void **state)
{
    (void)state;
    reg_set(0, 0x3f);  /* rings of 64 entries */
    reg_set(4, 0x20);  /* the NVM command set */
    registers[3] = 10; /* five seconds */
    nvme_start();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_what_it_is),
        cmocka_unit_test(blocks_of_512),
        cmocka_unit_test(blocks_of_4096),
        cmocka_unit_test(by_pieces_too),
        cmocka_unit_test(commands_without_data),
        cmocka_unit_test(a_bad_block_is_an_error),
        cmocka_unit_test(wild_answers_are_passed_over),
        cmocka_unit_test(what_hangs_is_reset),
        cmocka_unit_test(what_says_it_failed_is_reset),
        cmocka_unit_test(what_is_another_disk_is_dead),
        cmocka_unit_test(formats_with_metadata_are_refused),
    };

    return cmocka_run_group_tests_name("nvme", tests, start, NULL);
}

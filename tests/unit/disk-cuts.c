/*
 * Requests of any pieces on disks of any limits: each ends once, with the disk's bytes where they
 * belong.
 *
 * Sources: dom0/devices/disk-commands.c dom0/devices/disk-controller.c dom0/devices/disk-cut.c
 * Sources: dom0/devices/block-device.c dom0/devices/block-sleep.c dom0/tasks/turns.c
 */
#include "disk-world.h"

static uint8_t expected[SECTORS * 512];

/* Random requests on disks with random limits: each byte where it belongs. */

static uint32_t random_of(uint32_t n)
{
    return (uint32_t)rand() % n;
}

static struct block_limits random_limits(void)
{
    static const uint32_t sizes[] = { 512, 512, 1024, 4096 }, boundaries[] = { 0, 0, 512, 4096 };
    struct block_limits limits = { .sector_size = sizes[random_of(4)] };

    limits.bytes = limits.sector_size * (1 + random_of(40));
    limits.segments = 1 + random_of(20);
    limits.boundary = boundaries[random_of(4)];
    limits.address_end = random_of(3) ? 0 : (uint64_t)memory + MEMORY / 2;
    limits.flush = random_of(2);
    limits.fua = random_of(2);
    return limits;
}

/* Memory that this request alone has: a page's part for each segment. */
static uint64_t random_segments(struct user *user, unsigned int number, uint64_t most)
{
    uint64_t total = 0, own = disk->block.limits.sector_size;
    unsigned int n = 1 + random_of(30);

    for (unsigned int i = 0; i < n && total < most; i++) {
        uint32_t from = random_of(8), to = from + 1 + random_of(8 - from);
        uint64_t where = 1 + number * 30 + (random_of(4) ? i : 29 - i);

        if (random_of(2))
            from = 0, to = 8;
        for (unsigned int j = 0; j < i; j++) /* no page twice */
            if ((user->segments[j].machine - (uint64_t)memory) / 4096 == where)
                goto enough;
        user->segments[i] = (struct block_segment){ (uint64_t)memory + where * 4096 + from * 512,
                                                    (to - from) * 512 };
        user->request.segment_count = i + 1;
        total += user->segments[i].bytes;
    }
enough:
    while (total % own) { /* whole sectors: shorten the last ones */
        struct block_segment *last = &user->segments[user->request.segment_count - 1];

        last->bytes -= 512;
        total -= 512;
        if (!last->bytes)
            user->request.segment_count--;
    }
    return total;
}

static void fill(struct user *user, bool check)
{
    uint64_t at = user->request.sector * 512;

    for (unsigned int i = 0; i < user->request.segment_count; i++) {
        const struct block_segment *s = &user->segments[i];

        if (check)
            assert_memory_equal(at_address(s->machine), expected + at, s->bytes);
        else
            for (uint32_t b = 0; b < s->bytes; b++)
                at_address(s->machine)[b] = expected[at + b] = (uint8_t)rand();
        at += s->bytes;
    }
}

#define USERS 8u
static struct user users[USERS];

/* Requests of different users share no sectors: each has its part of the disk. */
static void random_request(unsigned int number)
{
    struct user *user = &users[number];
    uint64_t own = disk->block.limits.sector_size / 512, part = SECTORS / USERS, total;

    user_begin(user, random_of(2) ? BLOCK_READ : BLOCK_WRITE);
    user->request.sector = number * part + random_of((uint32_t)(part / 2 / own)) * own;
    total = random_segments(user, number, 100000);
    if (!total) {
        user->ended = 1;
        return;
    }
    user->request.fua = random_of(2);
    if (user->request.operation == BLOCK_WRITE)
        fill(user, false);
    while (block_device_submit(&disk->block, &user->request, &turn) == -EAGAIN)
        interrupt();
    block_device_kick(&disk->block);
}

static void random_requests_have_their_bytes(void **state)
{
    unsigned int cuts = 0, bounces = 0, commands = 0;

    (void)state;
    for (unsigned int i = 0; i < sizeof(medium); i++)
        medium[i] = expected[i] = (uint8_t)rand();
    for (unsigned int round = 0; round < 3000; round++) {
        struct block_limits limits = random_limits();

        world_new(&limits, 1 + random_of(SLOTS));
        answers_a_take = 1 + random_of(3);
        for (unsigned int i = 0; i < USERS; i++)
            random_request(i);
        while (issued_count || disk->partly)
            interrupt();
        for (unsigned int i = 0; i < USERS; i++) {
            assert_int_equal(users[i].ended, 1);
            assert_int_equal(users[i].error, 0);
            if (users[i].request.operation == BLOCK_READ)
                fill(&users[i], true);
        }
        assert_memory_equal(medium, expected, sizeof(medium));
        assert_int_equal(disk->free_count, disk->slots);
        cuts += issues > USERS;
        bounces += bounced_bytes > 0;
        commands += issues;
    }
    print_message("%u commands; %u rounds with cuts, %u with bounces\n", commands, cuts, bounces);
    assert_true(cuts > 1000 && bounces > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_requests_have_their_bytes),
    };

    srand(11);
    return cmocka_run_group_tests_name("disk-cuts", tests, NULL, NULL);
}

/*
 * Fair turns at a disk: users who want more than its queue holds get equally many bytes, and one
 * who wants little waits for a round of the others, not for all they have.
 *
 * Sources: dom0/tasks/turns.c dom0/devices/block-device.c dom0/devices/block-sleep.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "devices/block-device.h"
#include "pv-kernel/frames.h"
#include "tasks/wait-queue.h"

#define SLOTS 14u
#define USERS 11u
/* A flush counts as 4096 bytes. */
#define FLUSHES_A_TURN (TURNS_QUANTUM / 4096u)

/* The disk: a queue of so many slots, answered in order. */
static struct block_request *queue[SLOTS];
static unsigned int queued;

static int submit(struct block_device *device, struct block_request *request)
{
    (void)device;
    if (queued == SLOTS)
        return -EAGAIN;
    queue[queued++] = request;
    return 0;
}

static void kick(struct block_device *device)
{
    (void)device;
}

static const struct block_driver driver = { .submit = submit, .kick = kick };
static struct block_device disk = { .name = "vda",
                                    .sectors = 1000,
                                    .limits = { .sector_size = 512, .flush = true },
                                    .driver = &driver };

static void answer_some(unsigned int n)
{
    n = n < queued ? n : queued;
    for (unsigned int i = 0; i < n; i++)
        queue[i]->done(queue[i], 0);
    queued -= n;
    memmove(queue, queue + n, queued * sizeof(queue[0]));
    block_device_room(&disk);
}

/* Users as the block backend's: a task that submits all it can when it is woken. */
struct user {
    struct turn turn; /* first */
    struct block_request request;
    unsigned int wanted, done;
    bool woken;
};

static struct user users[USERS];

static void user_come(struct turn *turn)
{
    ((struct user *)turn)->woken = true;
}

static void user_done(struct block_request *request, int error)
{
    struct user *user = request->owner;

    assert_int_equal(error, 0);
    user->done++;
    user->woken = true;
}

static void user_runs(struct user *user)
{
    user->woken = false;
    user->request =
        (struct block_request){ .operation = BLOCK_FLUSH, .done = user_done, .owner = user };
    while (user->wanted && !block_device_submit(&disk, &user->request, &user->turn))
        user->wanted--;
}

static void tasks_run(void)
{
    for (bool ran = true; ran;) {
        ran = false;
        for (unsigned int i = 0; i < USERS; i++)
            if (users[i].woken) {
                user_runs(&users[i]);
                ran = true;
            }
    }
}

/* dom0's own sleeper, in its place when it sleeps: everybody else runs. */
static unsigned int answers_while_asleep;

void wait_queue_wait(struct wait_queue *q)
{
    (void)q;
    answers_while_asleep++;
    if (answers_while_asleep > 1000)
        fail_msg("it never gets its turn");
    answer_some(1);
    tasks_run();
}

void wait_queue_wake_all(struct wait_queue *q)
{
    (void)q;
}

uint64_t frames_virt_to_machine(const void *va)
{
    return (uint64_t)va;
}

static int setup(void **state)
{
    (void)state;
    memset(users, 0, sizeof(users));
    memset(&disk.turns, 0, sizeof(disk.turns));
    queued = answers_while_asleep = 0;
    for (unsigned int i = 0; i < USERS; i++)
        users[i].turn.come = user_come;
    return 0;
}

static void greedy(unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        users[i].wanted = 1000000;
        users[i].woken = true;
    }
    tasks_run();
}

static void the_greedy_share_equally(void **state)
{
    (void)state;
    greedy(10);
    for (int i = 0; i < 2000; i++) {
        answer_some(1 + (unsigned int)i % 3);
        tasks_run();
    }
    for (unsigned int i = 1; i < 10; i++)
        assert_in_range(users[i].done + 2 * SLOTS, users[0].done, users[0].done + 3 * SLOTS);
}

static void the_modest_wait_for_one_round(void **state)
{
    struct user *modest = &users[10];

    (void)state;
    greedy(10);
    for (unsigned int i = 0; i < 100; i++) {
        unsigned int answers = 0;

        modest->wanted = 1;
        modest->woken = true;
        tasks_run();
        for (; modest->done == i; answers++) {
            answer_some(1);
            tasks_run();
        }
        /* A quantum of each one before it in line, and then what was in the queue already. */
        assert_in_range(answers, 1, 10 * FLUSHES_A_TURN + SLOTS + 1);
    }
}

static void one_greedy_one_does_not_keep_the_next_out(void **state)
{
    (void)state;
    greedy(1);
    users[10].wanted = 1;
    users[10].woken = true;
    tasks_run();
    for (unsigned int i = 0; i < FLUSHES_A_TURN + 1; i++) {
        answer_some(1);
        tasks_run();
    }
    assert_int_equal(users[10].wanted, 0);
}

static void dom0s_own_requests_have_their_turn(void **state)
{
    (void)state;
    greedy(10);
    assert_int_equal(block_device_flush(&disk), 0);
    assert_in_range(answers_while_asleep, 1, 10 * FLUSHES_A_TURN + SLOTS + 1);
}

static void who_goes_leaves_the_line(void **state)
{
    (void)state;
    greedy(3);
    users[0].wanted = users[1].wanted = 0;
    block_device_leave(&disk, &users[1].turn);
    block_device_leave(&disk, &users[0].turn);
    unsigned int before = users[2].done;

    for (int i = 0; i < 50; i++) {
        answer_some(1);
        tasks_run();
    }
    assert_in_range(users[2].done, before + 50 - SLOTS, before + 50);
    block_device_leave(&disk, &users[2].turn);
    block_device_leave(&disk, &users[2].turn);
    assert_null(disk.turns.first);
}

/* Pieces of different sizes: it is bytes that are shared, by weight. */
static struct turns uplink = { .quantum = 65536 };
struct flow {
    struct turn turn; /* first */
    uint64_t size, bytes;
    bool woken;
};

static void flow_come(struct turn *turn)
{
    ((struct flow *)turn)->woken = true;
}

static void flow_runs(struct flow *flow, uint64_t *room)
{
    flow->woken = false;
    while (turns_take(&uplink, &flow->turn, flow->size)) {
        if (*room < flow->size) {
            turns_none_left(&uplink, &flow->turn, flow->size);
            break;
        }
        *room -= flow->size;
        flow->bytes += flow->size;
    }
}

static void bytes_are_shared_by_weight(void **state)
{
    struct flow flows[3] = { { { .come = flow_come }, 60, 0, true },
                             { { .come = flow_come }, 65553, 0, true },
                             { { .come = flow_come, .weight = 2 }, 1514, 0, true } };
    uint64_t room = 100000;

    (void)state;
    for (unsigned int round = 0; round < 300000; round++) {
        if (flows[round % 3].woken)
            flow_runs(&flows[round % 3], &room);
        room = room + 10000 < 100000 ? room + 10000 : 100000;
        turns_more(&uplink);
    }
    assert_in_range(flows[0].bytes, flows[1].bytes * 98 / 100, flows[1].bytes * 102 / 100);
    assert_in_range(flows[2].bytes, flows[1].bytes * 196 / 100, flows[1].bytes * 204 / 100);
}

/* As the network's senders: a task's round is so many pieces, then others run. */
static void round_runs(struct flow *flow, uint64_t *room)
{
    flow->woken = false;
    for (unsigned int pieces = 0; pieces < 32; pieces++) {
        if (!turns_take(&uplink, &flow->turn, flow->size))
            return;
        if (*room < flow->size) {
            turns_none_left(&uplink, &flow->turn, flow->size);
            return;
        }
        *room -= flow->size;
        flow->bytes += flow->size;
    }
    turn_pause(&flow->turn);
    flow->woken = true;
}

static void small_pieces_have_as_many_bytes(void **state)
{
    struct flow flows[3] = { { { .come = flow_come }, 60, 0, true },
                             { { .come = flow_come }, 250, 0, true },
                             { { .come = flow_come }, 1514, 0, true } };
    uint64_t room = 0;

    (void)state;
    uplink = (struct turns){ .quantum = 65536 };
    for (unsigned int round = 0; round < 300000; round++) {
        for (unsigned int i = 0; i < 3; i++)
            if (flows[i].woken)
                round_runs(&flows[i], &room);
        if (round % 8)
            continue;
        room = 60000;
        turns_more(&uplink);
    }
    assert_in_range(flows[0].bytes, flows[2].bytes * 98 / 100, flows[2].bytes * 102 / 100);
    assert_in_range(flows[1].bytes, flows[2].bytes * 98 / 100, flows[2].bytes * 102 / 100);
    assert_true(flows[2].bytes > 300000000);
}

/* Who has paused and then has nothing to send, or goes, keeps nobody waiting. */
static void a_pause_ends(void **state)
{
    struct flow flows[2] = { { { .come = flow_come }, 1514, 0, false },
                             { { .come = flow_come }, 1514, 0, false } };
    struct turn *a = &flows[0].turn, *b = &flows[1].turn;

    (void)state;
    for (unsigned int goes = 0; goes < 2; goes++) {
        uplink = (struct turns){ .quantum = 65536 };
        turns_none_left(&uplink, a, 1514);
        assert_false(turns_take(&uplink, b, 1514));
        assert_true(turns_take(&uplink, a, 1514));
        turn_pause(a);
        assert_false(turns_take(&uplink, b, 1514));
        flows[1].woken = false;
        turns_more(&uplink);
        assert_false(flows[1].woken);
        if (goes)
            turns_leave(&uplink, a);
        else
            turn_pause(a);
        assert_true(flows[1].woken);
        assert_true(turns_take(&uplink, b, 1514));
        turns_leave(&uplink, b);
    }
}

/* Nor does who was let in, found nothing left, was called again, and has changed his mind. */
static void who_waits_cannot_pause(void **state)
{
    struct flow flows[2] = { { { .come = flow_come }, 1514, 0, false },
                             { { .come = flow_come }, 1514, 0, false } };
    struct turn *a = &flows[0].turn, *b = &flows[1].turn;

    (void)state;
    uplink = (struct turns){ .quantum = 65536 };
    turns_none_left(&uplink, a, 1514);
    assert_false(turns_take(&uplink, b, 1514));
    for (unsigned int i = 0; i < 3; i++)
        assert_true(turns_take(&uplink, a, 1514));
    turns_none_left(&uplink, a, 1514);
    flows[0].woken = flows[1].woken = false;
    turns_more(&uplink);
    assert_true(flows[0].woken);
    turn_pause(a);
    assert_true(flows[1].woken);
    assert_true(turns_take(&uplink, b, 1514));
    turns_leave(&uplink, b);
}

/* A little between any two pauses does not make a turn last for long. */
static void who_takes_little_at_a_time_keeps_nobody_out_for_long(void **state)
{
    struct flow flows[2] = { { { .come = flow_come }, 14, 0, false },
                             { { .come = flow_come }, 1514, 0, false } };
    struct turn *a = &flows[0].turn, *b = &flows[1].turn;
    unsigned int rounds = 0;

    (void)state;
    uplink = (struct turns){ .quantum = 65536 };
    turns_none_left(&uplink, a, 14);
    assert_false(turns_take(&uplink, b, 1514));
    for (; !flows[1].woken && rounds < 10000; rounds++) {
        assert_true(turns_take(&uplink, a, 14));
        flows[1].woken = false;
        turn_pause(a);
    }
    assert_in_range(rounds, 1, 2);
    assert_true(turns_take(&uplink, b, 1514));
    turns_leave(&uplink, b);
    turns_leave(&uplink, a);
}

/* Nor do many pauses, with a weight that lets him take a lot. */
static void pauses_are_counted(void **state)
{
    struct flow flows[2] = { { { .come = flow_come, .weight = 1000 }, 1514, 0, false },
                             { { .come = flow_come }, 1514, 0, false } };
    struct turn *a = &flows[0].turn, *b = &flows[1].turn;
    unsigned int rounds = 0;

    (void)state;
    uplink = (struct turns){ .quantum = 65536 };
    turns_none_left(&uplink, a, 1514);
    assert_false(turns_take(&uplink, b, 1514));
    for (; !flows[1].woken && rounds < 10000; rounds++) {
        assert_true(turns_take(&uplink, a, 1514));
        flows[1].woken = false;
        turn_pause(a);
    }
    assert_in_range(rounds, 35, 64);
    assert_true(turns_take(&uplink, b, 1514));
    turns_leave(&uplink, b);
    turns_leave(&uplink, a);
}

/* Nothing of one who goes is left, even if he was let in last and is in no line. */
static void who_goes_is_forgotten(void **state)
{
    struct flow flows[2] = { { { .come = flow_come }, 1514, 0, false },
                             { { .come = flow_come }, 1514, 0, false } };

    (void)state;
    uplink = (struct turns){ .quantum = 65536 };
    turns_none_left(&uplink, &flows[0].turn, 1514);
    assert_true(turns_take(&uplink, &flows[0].turn, 1514));
    turn_give_up(&flows[0].turn);
    assert_null(uplink.current);
    flows[0].turn.credit = 1;
    turns_none_left(&uplink, &flows[1].turn, 1514);
    assert_true(turns_take(&uplink, &flows[1].turn, 1514));
    assert_int_equal(flows[0].turn.credit, 1);
}

static void a_rate_is_kept_on_average(void **state)
{
    struct turn_rate rate = { .bytes = 10000, .interval_ns = 1000000 };
    uint64_t now = 0, taken = 0;

    (void)state;
    while (now < 1000 * rate.interval_ns) {
        uint64_t bytes = taken % 3 ? 65553 : 1514, again = turn_rate_take(&rate, bytes, now);

        if (!again) {
            taken += bytes;
            continue;
        }
        assert_true(again > now);
        now = again;
    }
    assert_in_range(taken, 999 * rate.bytes, 1001 * rate.bytes + 65553);
}

/* After a pause there is one interval's worth, no matter how long it was or what the limit is. */
static void a_rate_saves_up_one_interval(void **state)
{
    static const uint64_t limits[] = { 1, 10000, UINT32_MAX, INT64_MAX / 4 };

    (void)state;
    for (unsigned int i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct turn_rate rate = { .bytes = limits[i], .interval_ns = 50000000 };

        assert_int_equal(turn_rate_take(&rate, limits[i], UINT64_MAX / 2), 0);
        assert_int_not_equal(turn_rate_take(&rate, 1, UINT64_MAX / 2), 0);
    }
}

static void no_rate_no_limit(void **state)
{
    struct turn_rate rate = { .bytes = 0 };

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(turn_rate_take(&rate, UINT32_MAX, 0), 0);
}

static void nobody_comes(struct turn *turn)
{
    (void)turn;
}

static void takes_all(struct turns *line, struct turn *turn, unsigned int *room, uint64_t *bytes)
{
    while (turns_take(line, turn, 1500)) {
        if (!*room) {
            turns_none_left(line, turn, 1500);
            return;
        }
        --*room;
        *bytes += 1500;
    }
}

/* Who is alone, asks for much in vain and then takes little, does not save up for when he is not.
 */
static void what_was_not_paid_is_not_given_back(void **state)
{
    struct turns line = { .quantum = 65536 };
    struct turn sly = { .come = nobody_comes }, other = { .come = nobody_comes };
    uint64_t of_sly = 0, of_other = 0;

    (void)state;
    for (unsigned int i = 0; i < 1000; i++) {
        if (turns_take(&line, &sly, 65536))
            turns_none_left(&line, &sly, 65536);
        assert_true(turns_take(&line, &sly, 60));
    }
    for (unsigned int round = 0; round < 2000; round++) {
        unsigned int room = 8;

        takes_all(&line, &sly, &room, &of_sly);
        takes_all(&line, &other, &room, &of_other);
        takes_all(&line, &sly, &room, &of_sly);
    }
    assert_in_range(of_sly, of_other * 9 / 10, of_other * 11 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_greedy_share_equally, setup),
        cmocka_unit_test_setup(the_modest_wait_for_one_round, setup),
        cmocka_unit_test_setup(one_greedy_one_does_not_keep_the_next_out, setup),
        cmocka_unit_test_setup(dom0s_own_requests_have_their_turn, setup),
        cmocka_unit_test_setup(who_goes_leaves_the_line, setup),
        cmocka_unit_test(bytes_are_shared_by_weight),
        cmocka_unit_test(small_pieces_have_as_many_bytes),
        cmocka_unit_test(a_pause_ends),
        cmocka_unit_test(who_takes_little_at_a_time_keeps_nobody_out_for_long),
        cmocka_unit_test(who_waits_cannot_pause),
        cmocka_unit_test(pauses_are_counted),
        cmocka_unit_test(who_goes_is_forgotten),
        cmocka_unit_test(a_rate_is_kept_on_average),
        cmocka_unit_test(a_rate_saves_up_one_interval),
        cmocka_unit_test(no_rate_no_limit),
        cmocka_unit_test(what_was_not_paid_is_not_given_back),
    };

    return cmocka_run_group_tests_name("block-turns", tests, NULL, NULL);
}

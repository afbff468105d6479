/*
 * The block frontend and a backend that does anything at any time: answers, indices, what it writes
 * into pages it was given and when it lets go of them, states in the store.  Each request ends
 * once, and not before its memory is the user's alone; and nothing is left behind.
 *
 * Sources: split-drivers/block/front/connect.c split-drivers/block/front/terms.c
 * Sources: split-drivers/block/front/link.c split-drivers/block/front/issue.c
 * Sources: split-drivers/block/front/answers.c split-drivers/block/front/serve.c
 * Sources: split-drivers/handshake/xenbus.c dom0/devices/block-device.c dom0/devices/disk-names.c
 * Sources: dom0/devices/disk-commands.c dom0/devices/disk-controller.c dom0/devices/disk-cut.c
 * Sources: dom0/tasks/turns.c
 */
#include <unistd.h>

#include "block-front-world.h"

#define ANSWERS_WANTED 25000ul

static unsigned long answers, breaks, submitted, holds, links;
static uint32_t taken[REMOTE_QUEUES_MAX];
static union remote_slot asked[REMOTE_QUEUES_MAX][512]; /* not answered yet, as they were */
static unsigned int asked_count[REMOTE_QUEUES_MAX];

static uint32_t noise(void)
{
    static uint64_t x = 88172645463325252ULL;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)(x >> 16);
}

/* What is shared may be written, and held, whatever became of it meanwhile. */
static void noise_held(void)
{
    for (unsigned int i = 0; i < 8; i++) {
        unsigned int ref = REFS_FIRST + noise() % (REFS - REFS_FIRST);

        if (!grants[ref].open)
            continue;
        if (!grants[ref].read_only && noise() % 16 == 0)
            memset(grants[ref].page + 512 + noise() % 3000, (int)noise(), 96);
        if (noise() % 400 == 0) {
            grants[ref].held = 1;
            holds++;
        }
    }
}

static void noise_let_go(void)
{
    for (unsigned int ref = REFS_FIRST; ref < REFS; ref++)
        if (noise() % 4)
            grants[ref].held = 0;
}

static void requests_take(unsigned int q)
{
    const struct remote_queue *queue = &remote->queues[q];
    struct remote_ring *ring = (struct remote_ring *)(uintptr_t)queue->ring;

    for (; taken[q] != queue->pushed && asked_count[q] < 512; taken[q]++)
        asked[q][asked_count[q]++] = ring->slots[taken[q] % queue->slots];
}

static void noise_answer(unsigned int q)
{
    const struct remote_queue *queue = &remote->queues[q];
    volatile struct remote_ring *ring = queue->ring;
    unsigned int n = noise() % asked_count[q];
    union remote_slot slot = asked[q][n];
    bool list = slot.request.operation == BLKIF_OP_INDIRECT, wild = noise() % 3000 == 0;
    volatile struct blkif_response *response =
        &ring->slots[ring->header.rsp_prod % queue->slots].response;

    if (noise() % 400 == 0 && slot.request.operation == BLKIF_OP_READ) {
        grants[slot.request.seg[0].gref].held = 1; /* it answers and does not let go */
        holds++;
    }
    asked[q][n] = asked[q][--asked_count[q]];
    response->id = wild ? noise() : list ? slot.indirect.id : slot.request.id;
    response->operation = noise() % 3000 == 0 ? (uint8_t)noise()
                          : list              ? slot.indirect.indirect_op
                                              : slot.request.operation;
    response->status = (int16_t)(noise() % 8 ? 0 : noise() % 4 - 2);
    ring->header.rsp_prod++;
    answers++;
}

static void noise_backend(unsigned int q)
{
    volatile struct ring_header *ring = &remote->queues[q].ring->header;

    requests_take(q);
    for (unsigned int n = noise() % 12; n && asked_count[q]; n--)
        noise_answer(q);
    ring->req_event = noise();
    if (noise() % 2000 == 0)
        ring->rsp_prod = noise() % 4 ? ring->rsp_prod + noise() % 600 : noise();
    if (noise() % 1000 == 0)
        ring->req_prod = noise(); /* ours, which we do not read */
    if (noise() % 4)
        remote_event(remote->queues[q].port, remote);
}

static void noise_user(void)
{
    static const enum block_operation operations[] = { BLOCK_READ,  BLOCK_WRITE, BLOCK_READ,
                                                       BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD };

    for (unsigned int n = noise() % 12; n; n--) {
        struct send *send = &sends[noise() % SENDS];
        enum block_operation operation = operations[noise() % 6];
        bool data = operation == BLOCK_READ || operation == BLOCK_WRITE;
        uint32_t offset = noise() % 2 ? 0 : noise() % 7 * 512;
        int error;

        if (send->under_way)
            continue;
        error = submit(send, operation, noise() % 20000,
                       data ? 1 + noise() % (noise() % 8 ? 20 : 256) : 0, offset,
                       512 * (1 + noise() % (8 - offset / 512)));
        submitted += !error;
        if (error == -EAGAIN)
            block_device_leave(&remote->disk.block, &send->turn);
    }
}

/* The toolstack and the backend's kernel, which look at what we say. */
static void noise_states(void)
{
    int ours = front_state();

    if (noise() % 600 == 0)
        back_set("state", "5");
    else if (noise() % 3000 == 0)
        back_set("state", "junk");
    else if (ours == XENBUS_CLOSED && noise() % 4 == 0)
        back_set("state", noise() % 4 ? "6" : "2");
    else if (ours == XENBUS_INITIALISING && noise() % 2)
        back_set("state", "2");
    else if (ours == XENBUS_INITIALISED && noise() % 2)
        back_set("state", "4");
    if (remote->refused && noise() % 20 == 0) {
        breaks++;
        disk_take_away();
        run(2);
        disk_give();
    }
}

static void a_turn(void)
{
    static enum remote_state before;

    if (remote->state == REMOTE_CONNECTED && before != REMOTE_CONNECTED) {
        memset(taken, 0, sizeof(taken));
        memset(asked_count, 0, sizeof(asked_count));
        links++;
    }
    before = remote->state;
    noise_held();
    noise_user();
    for (unsigned int q = 0; q < remote->queue_count; q++)
        if (remote->state == REMOTE_CONNECTED)
            noise_backend(q);
    if (remote->state != REMOTE_CONNECTED)
        noise_let_go();
    noise_states();
    run(1);
}

static void noise_overruns_nothing(void **state)
{
    int out = dup(1), null;

    (void)state;
    fflush(stdout);
    null = fileno(fopen("/dev/null", "w"));
    dup2(null, 1); /* a line for each of some hundred links */
    command_line = getenv("BLKFRONT") ? getenv("BLKFRONT") : "";
    world_start();
    while (answers < ANSWERS_WANTED)
        a_turn();
    world_end();
    fflush(stdout);
    dup2(out, 1);
    for (unsigned int i = 0; i < SENDS; i++)
        free(sends[i].memory);
    printf("%lu answers, %lu requests, %lu pages held, %lu links, %lu of them broken\n", answers,
           submitted, holds, links, breaks);
    assert_true(submitted > 10000 && links > 30 && breaks > 10 && holds > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(noise_overruns_nothing) };

    return cmocka_run_group_tests_name("block-front-noise", tests, NULL, NULL);
}

/*
 * The task of a vif: whatever its guest does, the other tasks have their turns, and what cannot be
 * sent or is not wanted any more costs nothing.
 *
 * Sources: split-drivers/net/back/serve.c split-drivers/net/back/intake.c
 * split-drivers/net/back/transmit.c split-drivers/net/back/receive.c split-drivers/net/back/stash.c
 * dom0/network/switch.c dom0/network/tagging.c dom0/network/batch.c dom0/network/headers.c
 * dom0/network/fallback.c dom0/network/checksum.c dom0/tasks/turns.c
 */
#define WORLD_SERVES
#include "net-back-world.h"
#include "tasks/task.h"

static void (*serve)(void *);
static void *serve_arg;
static event_handler_t handlers[16];
static void *handler_args[16];
static jmp_buf out;
static unsigned int opened, open_limit, yields, reports;
static void (*at_open)(void);
static uint64_t slept_until;
static unsigned int timeouts_left; /* so many waits end because time is up */

void event_port_reopen(evtchn_port_t port)
{
    if (++opened > open_limit)
        longjmp(out, 1);
    if (at_open) {
        at_open();
        handlers[port](port, handler_args[port]);
    }
}

void event_port_set_guest_handler(evtchn_port_t port, event_handler_t handler, void *arg)
{
    handlers[port] = handler;
    handler_args[port] = arg;
}

bool events_mask_save(void)
{
    return false;
}

void events_mask_restore(bool was)
{
    (void)was;
}

void task_yield(void)
{
    yields++;
}

struct task *task_spawn(const char *name, void (*fn)(void *), void *arg, size_t stack_bytes)
{
    (void)name;
    (void)stack_bytes;
    serve = fn;
    serve_arg = arg;
    return (struct task *)&serve;
}

void wait_queue_wait(struct wait_queue *queue)
{
    (void)queue;
    slept_until = UINT64_MAX;
    longjmp(out, 2);
}

int wait_queue_wait_until(struct wait_queue *queue, uint64_t deadline)
{
    (void)queue;
    slept_until = deadline;
    if (!timeouts_left)
        longjmp(out, 2);
    timeouts_left--;
    fake_now = deadline;
    return -ETIMEDOUT;
}

void wait_queue_wake_all(struct wait_queue *queue)
{
    (void)queue;
}

void vif_ended(struct vif *vif)
{
    (void)vif;
}

void backend_report(struct backend_device *device, const char *why)
{
    (void)device;
    (void)why;
    reports++;
}

/* Until it sleeps (2) or has opened its ports so often (1). */
static int served(unsigned int opens, void (*meanwhile)(void))
{
    int how;

    opened = yields = 0;
    open_limit = opens;
    at_open = meanwhile;
    how = setjmp(out);
    if (!how)
        serve(serve_arg);
    return how;
}

static void nothing_more(void)
{
}

/* The guest has sent an event again whenever the ports are opened. */
static void a_storm_of_events_lets_the_others_run(void **state)
{
    (void)state;
    assert_int_equal(vif_serve_start(&a.vif), 0);
    assert_int_equal(served(1000, nothing_more), 1);
    assert_in_range(yields, 900, 1100);
    a.vif.work_pending = false;
    assert_int_equal(served(1000, NULL), 2);
}

static bool wire_admits;

static bool wire_admit(struct switch_port *port, const struct packet *packet, struct turn *turn)
{
    (void)port;
    (void)packet;
    (void)turn;
    return wire_admits;
}

static unsigned int wire_got;

static void wire_output(struct switch_port *port, const struct packet *packet)
{
    (void)port;
    (void)packet;
    wire_got++;
}

static const struct switch_port_operations wire_operations = { .admit = wire_admit,
                                                               .output = wire_output };
static struct switch_port wire = { .operations = &wire_operations,
                                   .mtu = 1500,
                                   .takes = PORT_TAKES_ALL,
                                   .name = "wire",
                                   .mac = { 2, 0, 0, 0, 0, 0xee },
                                   .guarded = true };

/* Its events cost no look at its packets until its turn has come. */
static void who_was_refused_is_not_looked_at(void **state)
{
    uint64_t copies;

    (void)state;
    assert_int_equal(switch_attach(net_switch, &wire), 0);
    assert_int_equal(vif_serve_start(&a.vif), 0);
    frame_write(&a, 1, 100, wire.mac);
    tx_request(&a, 1, 0, 100, 0);
    wire_admits = false;
    served(2, NULL);
    assert_true(a.queue.refused);
    copies = batch_copies();
    a.vif.work_pending = true;
    assert_int_equal(served(1000, nothing_more), 1);
    assert_int_equal(batch_copies(), copies);
    wire_admits = true;
    a.vif.turn.come(&a.vif.turn);
    served(2, NULL);
    assert_int_equal(wire_got, 1);
    assert_int_equal(a.tx.header.rsp_prod, 1);
    switch_detach(&wire);
}

/* A port that forgets to call him does not keep him for ever: he asks again by himself. */
static void who_was_refused_asks_again(void **state)
{
    (void)state;
    wire_got = 0;
    assert_int_equal(switch_attach(net_switch, &wire), 0);
    assert_int_equal(vif_serve_start(&a.vif), 0);
    frame_write(&a, 1, 100, wire.mac);
    tx_request(&a, 1, 0, 100, 0);
    wire_admits = false;
    assert_int_equal(served(10, NULL), 2);
    assert_true(a.queue.refused);
    assert_in_range(slept_until, fake_now + 1, fake_now + 2000000000);
    wire_admits = true;
    timeouts_left = 1;
    assert_int_equal(served(10, NULL), 2);
    assert_int_equal(wire_got, 1);
    switch_detach(&wire);
}

/* The same for who has used up his rate, until it is time. */
static void who_has_used_up_his_rate_is_not_looked_at(void **state)
{
    uint64_t copies;

    (void)state;
    rx_post(&b, 10);
    a.vif.rate = (struct turn_rate){
        .bytes = 100, .interval_ns = 1000000, .left = 100, .refilled = fake_now
    };
    assert_int_equal(vif_serve_start(&a.vif), 0);
    frame_write(&a, 1, 1500, mac_b);
    tx_request(&a, 1, 0, 1500, 0);
    tx_request(&a, 1, 0, 1500, 0);
    assert_int_equal(served(10, NULL), 2);
    assert_int_equal(a.tx.header.rsp_prod, 1);
    assert_in_range(slept_until, fake_now + 1, fake_now + 1000000);
    copies = batch_copies();
    a.vif.work_pending = true;
    served(1000, nothing_more);
    assert_int_equal(batch_copies(), copies);
    fake_now += 20 * 1000000;
    a.vif.work_pending = true;
    served(10, NULL);
    assert_int_equal(a.tx.header.rsp_prod, 2);
}

/* A port with turns, and no room but when it is given. */
static struct turns line = { .quantum = 65536 };
static uint32_t line_room;

static bool line_admit(struct switch_port *port, const struct packet *packet, struct turn *turn)
{
    (void)port;
    if (!turns_take(&line, turn, packet->bytes))
        return false;
    if (line_room >= packet->bytes) {
        line_room -= packet->bytes;
        return true;
    }
    turns_none_left(&line, turn, packet->bytes);
    return false;
}

static const struct switch_port_operations line_operations = { .admit = line_admit,
                                                               .output = wire_output };

static bool next_called;

static void next_come(struct turn *turn)
{
    (void)turn;
    next_called = true;
}

/*
 * In his turn, with nothing left at the moment, he waits for more; then he wants nothing any more,
 * or his ring makes no sense.  Nobody's turn may wait for his.
 */
static void who_has_changed_his_mind_holds_nobody_up(void **state)
{
    struct turn next = { .come = next_come };

    (void)state;
    for (unsigned int broken = 0; broken < 2; broken++) {
        struct switch_port port = wire;

        port.operations = &line_operations;
        assert_int_equal(switch_attach(net_switch, &port), 0);
        a.tx.header.req_prod = a.tx.header.rsp_prod;
        assert_int_equal(vif_serve_start(&a.vif), 0);
        frame_write(&a, 1, 1500, wire.mac);
        line_room = 0;
        for (unsigned int i = 0; i < 4; i++)
            tx_request(&a, 1, 0, 1500, 0);
        served(10, NULL);
        assert_true(a.queue.refused);
        assert_false(turns_take(&line, &next, 100));
        line_room = 3000;
        turns_more(&line); /* his turn: two of four */
        served(10, NULL);
        assert_true(a.queue.refused);
        a.tx.header.req_prod = broken ? a.tx.header.rsp_prod + 5000 : a.tx.header.rsp_prod;
        next_called = false;
        line_room = 100000;
        turns_more(&line);
        served(10, NULL);
        assert_true(next_called);
        assert_true(turns_take(&line, &next, 100));
        turns_leave(&line, &next);
        switch_detach(&port);
    }
}

/*
 * One queue is refused and first in the line; another, in the same round, finds its packet small
 * enough and takes their place: nobody will call the first one, so it asks again by itself.
 */
static void a_queue_is_not_forgotten_for_the_other(void **state)
{
    struct switch_port port = wire;
    static struct vif_queue both[2];
    static struct vif_tx_ring second;
    struct turn next = { .come = next_come };

    (void)state;
    port.operations = &line_operations;
    assert_int_equal(switch_attach(net_switch, &port), 0);
    memset(&second, 0, sizeof(second));
    both[0] = both[1] = a.queue;
    both[1].tx = &second;
    a.vif.queues = both;
    a.vif.queue_count = 2;
    assert_int_equal(vif_serve_start(&a.vif), 0);
    frame_write(&a, 1, 1500, wire.mac);
    tx_request(&a, 1, 0, 1500, 0);
    second.header.req_prod = 1;
    second.slots[0].request = (struct netif_tx_request){ .gref = 1, .size = 60 };
    line_room = 100;
    wire_got = 0;
    served(10, NULL);
    assert_int_equal(wire_got, 1);
    assert_true(a.vif.turn.waits); /* again, for the large one */
    assert_false(turns_take(&line, &next, 100));
    line_room = 10000;
    turns_more(&line);
    served(10, NULL);
    assert_int_equal(wire_got, 2);
    turns_leave(&line, &next);
    switch_detach(&port);
    a.vif.queues = &a.queue;
    a.vif.queue_count = 1;
}

/* His turn comes while he is at work, by a packet's end: he keeps his place and asks again. */
static bool call_at_once;

static bool calling_admit(struct switch_port *port, const struct packet *packet, struct turn *turn)
{
    bool may = line_admit(port, packet, turn);

    if (!may && call_at_once) {
        call_at_once = false;
        line_room = 10000;
        turns_more(&line);
    }
    return may;
}

static const struct switch_port_operations calling_operations = { .admit = calling_admit,
                                                                  .output = wire_output };

static void a_turn_that_comes_at_once_is_not_lost(void **state)
{
    static struct switch_port port;
    struct turn next = { .come = next_come };

    (void)state;
    port = wire;
    port.operations = &calling_operations;
    assert_int_equal(switch_attach(net_switch, &port), 0);
    assert_int_equal(vif_serve_start(&a.vif), 0);
    frame_write(&a, 1, 1500, wire.mac);
    line_room = 0;
    tx_request(&a, 1, 0, 1500, 0);
    tx_request(&a, 1, 0, 1500, 0);
    call_at_once = true;
    wire_got = 0;
    assert_int_equal(served(10, NULL), 2);
    assert_int_equal(wire_got, 2);
    assert_true(turns_take(&line, &next, 100));
    turns_leave(&line, &next);
    switch_detach(&port);
}

static void nothing_is_kept_for_who_is_not_served(void **state)
{
    (void)state;
    frame_write(&b, 1, 1500, mac_a);
    for (unsigned int i = 0; i < 8; i++)
        tx_request(&b, 1, 0, 1500, 0);
    assert_true(transmit_round(&b.queue));
    assert_non_null(a.queue.stash_first);
    assert_int_equal(vif_serve_start(&a.vif), 0);
    a.tx.header.req_prod = 5000;
    reports = 0;
    a.vif.work_pending = true;
    served(10, NULL);
    assert_int_equal(reports, 1);
    assert_null(a.queue.stash_first);
    assert_int_equal(a.queue.stash_pages, 0);
    tx_request(&b, 1, 0, 1500, 0);
    assert_true(transmit_round(&b.queue));
    assert_null(a.queue.stash_first);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_storm_of_events_lets_the_others_run),
        CASE(who_was_refused_is_not_looked_at),
        CASE(who_was_refused_asks_again),
        CASE(who_has_used_up_his_rate_is_not_looked_at),
        CASE(who_has_changed_his_mind_holds_nobody_up),
        CASE(a_queue_is_not_forgotten_for_the_other),
        CASE(a_turn_that_comes_at_once_is_not_lost),
        CASE(nothing_is_kept_for_who_is_not_served),
    };

    return cmocka_run_group_tests_name("net-back-serve", tests, NULL, NULL);
}

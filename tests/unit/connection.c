/*
 * TCP connections for commands, through lwIP's loopback: what is sent arrives, however it is cut;
 * ends, refusals and impatience are told; all memory comes back.
 *
 * Sources: dom0/network/connection.c dom0/network/patience.c
 *
 * Stack: yes
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "stack-world.h"

#include "lwip/priv/tcp_priv.h"
#include "network/connection.h"
#include "tasks/console-input.h"

#define PORT  7000
#define TOTAL (3u << 20)

static bool ctrl_c;
static uint8_t *stream;
static const ip_addr_t loopback = IPADDR4_INIT(PP_HTONL(0x7f000001));

int wait_queue_wait_until(struct wait_queue *queue, uint64_t deadline_ns)
{
    (void)queue;
    if (deadline_ns > world.now)
        world_wait((deadline_ns - world.now + 999999) / 1000000);
    return -ETIMEDOUT;
}

void wait_queue_wake_all(struct wait_queue *queue)
{
    (void)queue;
}

bool console_take_interrupt(void)
{
    return ctrl_c;
}

struct pair {
    struct listener *listener;
    struct connection *here, *there;
};

static void join(struct pair *pair)
{
    struct patience patience = patience_ms(5000);

    ctrl_c = false;
    assert_int_equal(listener_open(PORT, &pair->listener), 0);
    assert_int_equal(connection_open(&loopback, PORT, &patience, &pair->here), 0);
    assert_int_equal(listener_accept(pair->listener, &patience, &pair->there), 0);
}

static void part(struct pair *pair)
{
    if (pair->here)
        connection_close(pair->here);
    if (pair->there)
        connection_close(pair->there);
    listener_close(pair->listener);
    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
    world_wait(1000);
}

/* Takes what is there, in stretches of odd sizes. */
static uint32_t read_some(struct connection *connection, uint32_t from)
{
    struct patience patience = patience_ms(5000);
    const uint8_t *data;
    size_t bytes;

    assert_int_equal(connection_peek(connection, &patience, &data, &bytes), 0);
    if (bytes > 7777)
        bytes = 7777;
    assert_memory_equal(data, stream + from, bytes);
    connection_consume(connection, bytes);
    return (uint32_t)bytes;
}

static void a_stream_arrives_whole(void **state)
{
    uint32_t sent = 0, read = 0, stretch = 1;
    struct pair pair;

    (void)state;
    join(&pair);
    while (read < TOTAL) {
        struct patience patience = patience_ms(5000);
        uint32_t bytes = sent + stretch < TOTAL ? stretch : TOTAL - sent;

        /* Never more than fits between the two, since one task plays both. */
        if (bytes && sent + bytes - read < (400u << 10)) {
            assert_int_equal(connection_send(pair.here, &patience, stream + sent, bytes), 0);
            sent += bytes;
            stretch = stretch * 3 % 100003;
        } else {
            read += read_some(pair.there, read);
        }
    }
    part(&pair);
}

static void an_end_is_seen(void **state)
{
    struct patience patience = patience_ms(5000);
    const uint8_t *data;
    struct pair pair;
    size_t bytes;

    (void)state;
    join(&pair);
    assert_int_equal(connection_send(pair.here, &patience, "last words", 10), 0);
    assert_int_equal(connection_finish(pair.here, &patience), 0);
    assert_int_equal(connection_peek(pair.there, &patience, &data, &bytes), 0);
    assert_int_equal(bytes, 10);
    connection_consume(pair.there, 10);
    assert_int_equal(connection_peek(pair.there, &patience, &data, &bytes), 0);
    assert_int_equal(bytes, 0);
    assert_int_equal(connection_send(pair.there, &patience, "the answer", 10), 0);
    assert_int_equal(connection_peek(pair.here, &patience, &data, &bytes), 0);
    assert_memory_equal(data, "the answer", 10);
    assert_int_equal(connection_finish(pair.there, &patience), 0);
    assert_int_equal(connection_finish(pair.here, &patience), 0);
    part(&pair);
}

static void who_breaks_off_is_noticed(void **state)
{
    struct patience patience = patience_ms(5000);
    const uint8_t *data;
    struct pair pair;
    size_t bytes;

    (void)state;
    join(&pair);
    assert_int_equal(connection_send(pair.here, &patience, "unread", 6), 0);
    connection_close(pair.there); /* with bytes nobody read: a reset */
    pair.there = NULL;
    assert_int_equal(connection_peek(pair.here, &patience, &data, &bytes), -ECONNRESET);
    assert_int_equal(connection_send(pair.here, &patience, "more", 4), -ECONNRESET);
    part(&pair);
}

static void nobody_listens(void **state)
{
    struct patience patience = patience_ms(5000);
    struct connection *connection;

    (void)state;
    ctrl_c = false;
    assert_int_equal(connection_open(&loopback, PORT, &patience, &connection), -ECONNREFUSED);
}

static void patience_ends(void **state)
{
    uint64_t begin = world.now;
    struct patience patience;
    struct pair pair;
    const uint8_t *data;
    size_t bytes;

    (void)state;
    join(&pair);
    patience = patience_ms(300);
    assert_int_equal(connection_peek(pair.here, &patience, &data, &bytes), -ETIMEDOUT);
    assert_in_range(world.now - begin, 300000000, 1000000000);
    patience = patience_ms(100000);
    ctrl_c = true;
    assert_int_equal(connection_peek(pair.here, &patience, &data, &bytes), -EINTR);
    part(&pair);
}

/* Who never reads holds no more than his buffer, and the sender waits. */
static void a_slow_reader_stops_the_sender(void **state)
{
    struct patience patience;
    struct pair pair;
    int error = 0;
    uint32_t sent = 0;

    (void)state;
    join(&pair);
    while (!error && sent < TOTAL) {
        patience = patience_ms(2000);
        error = connection_send(pair.here, &patience, stream + sent, 65536);
        sent += error ? 0 : 65536;
    }
    assert_int_equal(error, -ETIMEDOUT);
    assert_in_range(sent, 1u << 20, 2u << 20);
    part(&pair);
}

/* Only so many wait to be accepted. */
static void a_crowd_is_refused(void **state)
{
    struct connection *waiting[10];
    struct listener *listener;
    unsigned int joined = 0;

    (void)state;
    ctrl_c = false;
    assert_int_equal(listener_open(PORT, &listener), 0);
    for (unsigned int i = 0; i < 10; i++) {
        struct patience patience = patience_ms(1000);

        joined += !connection_open(&loopback, PORT, &patience, &waiting[joined]);
    }
    world_wait(100);
    listener_close(listener);
    for (unsigned int i = 0; i < joined; i++)
        connection_close(waiting[i]);
    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
    world_wait(1000);
}

static size_t before;

static int remember(void **state)
{
    (void)state;
    before = world.allocations;
    return 0;
}

static int compare(void **state)
{
    (void)state;
    world_wait(5000);
    return world.allocations > before;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_stream_arrives_whole, remember, compare),
        cmocka_unit_test_setup_teardown(an_end_is_seen, remember, compare),
        cmocka_unit_test_setup_teardown(who_breaks_off_is_noticed, remember, compare),
        cmocka_unit_test_setup_teardown(nobody_listens, remember, compare),
        cmocka_unit_test_setup_teardown(patience_ends, remember, compare),
        cmocka_unit_test_setup_teardown(a_slow_reader_stops_the_sender, remember, compare),
        cmocka_unit_test_setup_teardown(a_crowd_is_refused, remember, compare),
    };

    lwip_init();
    world_wait(5000);
    stream = malloc(TOTAL + 65536);
    for (uint32_t i = 0; i < TOTAL + 65536; i++)
        stream[i] = (uint8_t)(i * 2654435761u >> 11);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The block backend's conversation, over the real store: it sleeps for no disk that hangs, and
 * what it could not do for want of memory it does later.  The data path is a fake.
 *
 * Sources: split-drivers/block/back/connect.c split-drivers/block/back/disk-nodes.c
 * Sources: split-drivers/block/back/queues.c split-drivers/block/back/target.c
 * Sources: split-drivers/handshake/xenbus.c
 * Sources: split-drivers/handshake/backend.c
 * Sources: dom0/xenstore/access.c dom0/xenstore/connection.c dom0/xenstore/control.c
 * Sources: dom0/xenstore/domain.c dom0/xenstore/node.c dom0/xenstore/path.c
 * Sources: dom0/xenstore/permissions.c dom0/xenstore/requests.c dom0/xenstore/store.c
 * Sources: dom0/xenstore/string-table.c dom0/xenstore/transaction.c dom0/xenstore/watch.c
 * Sources: dom0/xenstore/wire.c dom0/xenstore/client.c dom0/xenstore/local-client.c
 * Libraries: -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=strdup
 */
#include "block-connect-world.h"

static void a_hanging_disk_stops_nobody_else(void **state)
{
    (void)state;
    connect_one(1);
    say(BACK, 1, "online", "0");
    say(BACK, 1, "state", "5");
    backend_runs(); /* and does not sleep until the disk has answered */
    assert_int_equal(stopping_count, 1);
    connect_one(2);
    assert_int_equal(mapped, 2);
    say(BACK, 1, "state", "5"); /* once more */
    backend_runs();
    assert_int_equal(stopping_count, 1);
    disk_answers();
    assert_int_equal(mapped, 1);
    assert_int_equal(back_state(1), 6);
    remove_disk(1);
    remove_disk(2);
    backend_runs();
    assert_int_equal(stopping_count, 1);
    disk_answers();
    assert_int_equal(mapped, 0);
}

static void a_frontend_closes_and_comes_back(void **state)
{
    (void)state;
    connect_one(3);
    say(FRONT, 3, "state", "5");
    backend_runs();
    assert_int_equal(back_state(3), 4); /* requests are in flight */
    disk_answers();
    assert_int_equal(back_state(3), 5);
    say(FRONT, 3, "state", "6");
    backend_runs();
    assert_int_equal(back_state(3), 6);
    say(FRONT, 3, "state", "1");
    backend_runs();
    assert_int_equal(back_state(3), 2);
    frontend_comes(3);
    backend_runs();
    assert_int_equal(back_state(3), 4);
    remove_disk(3);
    backend_runs();
    disk_answers();
    assert_int_equal(mapped, 0);
}

/* What a frontend said wrong is no more held against it once it is connected. */
static void a_refusal_is_withdrawn(void **state)
{
    char path[100], *value;

    (void)state;
    add_disk(9);
    backend_runs();
    say(FRONT, 9, "state", "3"); /* it names no ring */
    backend_runs();
    assert_int_equal(back_state(9), 5);
    snprintf(path, sizeof(path), BACK, 9, "hotplug-error");
    assert_int_equal(xs_read(client, XS_NO_TX, path, &value, NULL), 0);
    free(value);
    say(FRONT, 9, "state", "6");
    backend_runs();
    say(FRONT, 9, "state", "1");
    backend_runs();
    frontend_comes(9);
    backend_runs();
    assert_int_equal(back_state(9), 4);
    assert_int_equal(xs_read(client, XS_NO_TX, path, &value, NULL), -ENOENT);
    snprintf(path, sizeof(path), BACK, 9, "hotplug-status");
    assert_int_equal(xs_read(client, XS_NO_TX, path, &value, NULL), 0);
    assert_string_equal(value, "connected");
    free(value);
    remove_disk(9);
    backend_runs();
    disk_answers();
    assert_int_equal(mapped, 0);
}

static void memory_comes_back(void **state)
{
    (void)state;
    add_disk(4);
    no_memory = true;
    for (int i = 0; i < 20; i++)
        backend_runs();
    no_memory = false;
    assert_int_equal(back_state(4), 1);
    for (int i = 0; i < 8; i++)
        backend_runs();
    assert_int_equal(back_state(4), 2);
    frontend_comes(4);
    no_memory = true;
    for (int i = 0; i < 20; i++)
        backend_runs();
    no_memory = false;
    for (int i = 0; i < 8; i++)
        backend_runs();
    assert_int_equal(back_state(4), 4);
    remove_disk(4);
    backend_runs();
    disk_answers();
    assert_int_equal(mapped, 0);
}

static void say_queue(unsigned int domid, unsigned int queue, const char *node, const char *value)
{
    char leaf[40];

    snprintf(leaf, sizeof(leaf), "queue-%u/%s", queue, node);
    say(FRONT, domid, leaf, value);
}

/* A node that is written anew while the old device still stops is another device. */
static void a_new_node_is_a_new_device(void **state)
{
    (void)state;
    connect_one(8);
    remove_disk(8);
    backend_runs();
    assert_int_equal(stopping_count, 1);
    opened = 0;
    add_disk(8);
    backend_runs();
    assert_int_equal(back_state(8), 1);
    assert_int_equal(opened, 0);
    disk_answers();
    assert_int_equal(opened, 1); /* it was claimed anew */
    backend_runs();
    assert_int_equal(back_state(8), 2);
    remove_disk(8);
    backend_runs();
    assert_int_equal(mapped, 0);
}

/* A frontend of so many queues with rings of so many pages, of which nothing is missing. */
static void many_rings(unsigned int domid, unsigned int queues, unsigned int order)
{
    char number[12];

    add_disk(domid);
    backend_runs();
    snprintf(number, sizeof(number), "%u", queues);
    say(FRONT, domid, "multi-queue-num-queues", number);
    snprintf(number, sizeof(number), "%u", order);
    say(FRONT, domid, "ring-page-order", number);
    for (unsigned int queue = 0; queue < queues; queue++) {
        for (unsigned int i = 0; i < 1u << order; i++) {
            char node[20];

            snprintf(node, sizeof(node), "ring-ref%u", i);
            snprintf(number, sizeof(number), "%u", 8 + i);
            say_queue(domid, queue, node, number);
        }
        say_queue(domid, queue, "event-channel", "3");
    }
    say(FRONT, domid, "state", "3");
    backend_runs();
}

static void queues_and_pages(void **state)
{
    (void)state;
    many_rings(5, 3, 2);
    assert_int_equal(back_state(5), 4);
    assert_int_equal(mapped, 12);
    assert_int_equal(pages_last, 4);
    assert_int_equal(ports, 3);
    remove_disk(5);
    backend_runs();
    disk_answers();
    assert_int_equal(mapped, 0);
    assert_int_equal(ports, 0);
}

static void more_than_was_offered_is_refused(void **state)
{
    (void)state;
    many_rings(6, VBD_QUEUES_MAX + 1, 0);
    assert_int_equal(back_state(6), 5);
    many_rings(7, 2, VBD_RING_ORDER + 1);
    assert_int_equal(back_state(7), 5);
    assert_int_equal(mapped, 0);
    assert_int_equal(ports, 0);
    remove_disk(6);
    remove_disk(7);
    backend_runs();
}

/* Whatever a frontend says of its rings: it is refused, and nothing of it stays. */
static void wild_numbers_are_refused(void **state)
{
    static const char *const said[][2] = {
        { "multi-queue-num-queues", "0" },
        { "multi-queue-num-queues", "5" },
        { "multi-queue-num-queues", "4294967297" },
        { "multi-queue-num-queues", "2" },
        { "ring-page-order", "3" },
        { "ring-page-order", "64" },
        { "ring-page-order", "1" },
        { "multi-queue-num-queues", "x" },
        { "ring-ref", "4294967296" },
        { "event-channel", "-1" },
    };

    (void)state;
    for (unsigned int i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        unsigned int domid = 20 + i;

        add_disk(domid);
        backend_runs();
        say(FRONT, domid, "ring-ref", "8");
        say(FRONT, domid, "event-channel", "3");
        say_queue(domid, 0, "ring-ref", "8"); /* the second queue has none */
        say_queue(domid, 0, "event-channel", "3");
        say(FRONT, domid, "ring-ref0", "8"); /* nor the second page */
        say(FRONT, domid, said[i][0], said[i][1]);
        say(FRONT, domid, "state", "3");
        backend_runs();
        assert_int_equal(back_state(domid), 5);
        assert_int_equal(mapped, 0);
        assert_int_equal(ports, 0);
        remove_disk(domid);
        backend_runs();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hanging_disk_stops_nobody_else),
        cmocka_unit_test(a_frontend_closes_and_comes_back),
        cmocka_unit_test(a_refusal_is_withdrawn),
        cmocka_unit_test(memory_comes_back),
        cmocka_unit_test(a_new_node_is_a_new_device),
        cmocka_unit_test(queues_and_pages),
        cmocka_unit_test(more_than_was_offered_is_refused),
        cmocka_unit_test(wild_numbers_are_refused),
    };

    return cmocka_run_group_tests_name("block-connect", tests, setup, NULL);
}

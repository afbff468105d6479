/*
 * What the net frontend tells of its queues in the store: just that, whatever was told before.
 *
 * Sources: split-drivers/net/front/offer.c split-drivers/handshake/xenbus.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake-store.h"
#include "split-drivers/net/front/front.h"

#define BACKEND  "/local/domain/0/backend/vif/1/0"
#define FRONTEND "device/vif/0"
#define FEATURES 7 /* nodes that are there whatever the queues are */

static struct front front;
static struct front_queue made[FRONT_QUEUES_MAX];

int queue_create(struct front *of, bool split, struct front_queue **created)
{
    unsigned int i = of->queue_count;

    made[i] = (struct front_queue){ .front = of, .tx_ref = 10 + i, .rx_ref = 20 + i };
    made[i].tx_port = 30 + i;
    made[i].rx_port = split ? 40 + i : 30 + i;
    *created = &made[i];
    return 0;
}

void queues_end(struct front *of)
{
    of->queue_count = 0;
}

static void tell(const char *queues, const char *split)
{
    front.queue_count = 0;
    node_set(BACKEND "/multi-queue-max-queues", queues);
    node_set(BACKEND "/feature-split-event-channels", split);
    assert_int_equal(offer_make(&front, xs_open()), 0);
}

static unsigned int told(void)
{
    unsigned int count = 0;

    for (size_t i = 0; i < NODES; i++)
        count += is_below(nodes[i].path, FRONTEND);
    return count - FEATURES;
}

static void is(const char *node, const char *value)
{
    char path[128];

    snprintf(path, sizeof(path), FRONTEND "/%s", node);
    assert_non_null(node_value(path));
    assert_string_equal(node_value(path), value);
}

static int setup(void **state)
{
    (void)state;
    memset(nodes, 0, sizeof(nodes));
    strcpy(front.path, FRONTEND);
    front.backend = BACKEND;
    return 0;
}

static void one_queue(void **state)
{
    (void)state;
    tell("1", "0");
    assert_int_equal(told(), 3);
    is("tx-ring-ref", "10");
    is("rx-ring-ref", "20");
    is("event-channel", "30");
    tell("1", "1");
    assert_int_equal(told(), 4);
    is("event-channel-tx", "30");
    is("event-channel-rx", "40");
}

/* Its backend went while it was asked, so one was made; the next one takes four, then two. */
static void other_queues_than_before(void **state)
{
    (void)state;
    tell("1", "0");
    tell("4", "1");
    assert_int_equal(told(), 4 * 4 + 1);
    is("multi-queue-num-queues", "4");
    is("queue-3/tx-ring-ref", "13");
    is("queue-3/event-channel-rx", "43");
    tell("2", "0");
    assert_int_equal(told(), 2 * 3 + 1);
    is("multi-queue-num-queues", "2");
    is("queue-1/event-channel", "31");
    tell("1", "1");
    assert_int_equal(told(), 4);
    tell("4", "0");
    assert_int_equal(told(), 4 * 3 + 1);
}

/* The toolstack took the interface and gave it again in the middle: half an offer is none. */
static void a_node_made_anew(void **state)
{
    (void)state;
    tell("4", "1");
    assert_int_equal(offer_seal(&front, xs_open()), 0);
    is("state", "4");
    xs_rm(xs_open(), XS_NO_TX, FRONTEND);
    node_set(FRONTEND "/state", "1");
    node_set(FRONTEND "/queue-3/tx-ring-ref", "13");
    assert_int_equal(offer_seal(&front, xs_open()), -EAGAIN);
    is("state", "1");
    tell("1", "1");
    node_set(FRONTEND "/tx-ring-ref", "11");
    assert_int_equal(offer_seal(&front, xs_open()), -EAGAIN);
    is("state", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_queue, setup),
        cmocka_unit_test_setup(other_queues_than_before, setup),
        cmocka_unit_test_setup(a_node_made_anew, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

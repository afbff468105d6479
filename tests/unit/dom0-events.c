/*
 * dom0's event ports against a storm: a guest that sends again while its last event is delivered
 * does not keep dom0 in the upcall, and loses nothing.
 *
 * Sources: dom0/pv-kernel/event-ports.c
 * Flags: -include tests/unit/fake-hypercalls.h
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "pv-kernel/event-ports.h"
#include "pv-kernel/kernel.h"

#define PORTS 200u

static struct shared_info page;
struct shared_info *shared_info = &page;
static unsigned int calls[PORTS], deliveries;
static bool storm;

/* The hypervisor's side of a send. */
static void raise(evtchn_port_t port)
{
    uint64_t bit = 1ULL << (port % 64);

    page.evtchn_pending[port / 64] |= bit;
    if (page.evtchn_mask[port / 64] & bit)
        return;
    page.vcpu_info[0].evtchn_pending_sel |= 1ULL << (port / 64);
    page.vcpu_info[0].evtchn_upcall_pending = 1;
}

int64_t hypercall_event_channel_op(uint64_t operation, uint64_t argument)
{
    evtchn_port_t port;

    if (operation == EVTCHNOP_unmask) {
        port = ((struct evtchn_unmask *)argument)->port;
        page.evtchn_mask[port / 64] &= ~(1ULL << (port % 64));
        if (page.evtchn_pending[port / 64] & 1ULL << (port % 64))
            raise(port);
    }
    return 0;
}

int64_t hypercall_physdev_op(uint64_t operation, uint64_t argument)
{
    (void)operation;
    (void)argument;
    return 0;
}

int64_t hypercall_sched_op(uint64_t operation, uint64_t argument)
{
    (void)operation;
    (void)argument;
    return 0;
}

static void handler(evtchn_port_t port, void *arg)
{
    assert_ptr_equal(arg, &page);
    calls[port]++;
    if (++deliveries > 1000)
        fail_msg("the upcall does not end");
    if (storm)
        raise(port);
}

static int setup(void **state)
{
    (void)state;
    memset(&page, 0, sizeof(page));
    memset(calls, 0, sizeof(calls));
    deliveries = 0;
    storm = false;
    event_ports_start();
    for (evtchn_port_t port = 1; port < PORTS; port++)
        event_port_set_guest_handler(port, handler, &page);
    return 0;
}

static void a_storm_is_delivered_once(void **state)
{
    (void)state;
    storm = true;
    raise(5);
    raise(130);
    event_ports_upcall();
    assert_int_equal(calls[5], 1);
    assert_int_equal(calls[130], 1);
    event_ports_upcall();
    assert_int_equal(deliveries, 2);
}

static void looking_after_it_lets_the_next_one_in(void **state)
{
    (void)state;
    storm = true;
    raise(5);
    event_ports_upcall();
    for (unsigned int turn = 2; turn < 10; turn++) {
        event_port_reopen(5); /* what the storm has raised since comes now, once */
        assert_int_equal(calls[5], turn);
    }
    storm = false;
    event_port_reopen(5);
    assert_int_equal(calls[5], 10);
    event_port_reopen(5);
    assert_int_equal(calls[5], 10); /* nothing was there */
    raise(5);
    event_ports_upcall();
    assert_int_equal(calls[5], 11);
}

static void reopening_with_events_masked_waits(void **state)
{
    (void)state;
    raise(7);
    event_ports_upcall();
    raise(7);
    bool was = events_mask_save();

    event_port_reopen(7);
    assert_int_equal(calls[7], 1);
    events_mask_restore(was);
    assert_int_equal(calls[7], 2);
}

/* dom0's own ports stay open; even then a word is gone through once a pass. */
static void other_ports_get_their_turn(void **state)
{
    (void)state;
    event_port_set_handler(3, handler, &page);
    raise(3);
    raise(9);
    event_ports_upcall();
    assert_int_equal(calls[3], 1);
    assert_int_equal(calls[9], 1);
    raise(3);
    event_ports_upcall();
    assert_int_equal(calls[3], 2);
}

static void a_closed_port_is_silent(void **state)
{
    (void)state;
    event_port_close(5);
    raise(5);
    event_ports_upcall();
    assert_int_equal(deliveries, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_storm_is_delivered_once, setup),
        cmocka_unit_test_setup(looking_after_it_lets_the_next_one_in, setup),
        cmocka_unit_test_setup(reopening_with_events_masked_waits, setup),
        cmocka_unit_test_setup(other_ports_get_their_turn, setup),
        cmocka_unit_test_setup(a_closed_port_is_silent, setup),
    };

    return cmocka_run_group_tests_name("dom0-events", tests, NULL, NULL);
}

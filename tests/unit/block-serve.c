/*
 * The task of a vbd: a guest that sends events, or moves its index to and fro, as fast as it likes
 * does not keep the other tasks of the driver domain from running.
 *
 * Sources: split-drivers/block/back/serve.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pv-kernel/event-ports.h"
#include "split-drivers/block/back/vbd.h"
#include "tasks/task.h"

#define OPENED_MOST 1000u

static struct vbd_queue queue;
static struct vbd vbd = { .queues = &queue, .queue_count = 1 };
static void (*serve)(void *);
static event_handler_t handler;
static jmp_buf out;
static unsigned int opened, looked, yields, left, ended;
static bool storm, seems_more;

void event_port_set_guest_handler(evtchn_port_t port, event_handler_t given, void *arg)
{
    (void)port;
    (void)arg;
    handler = given;
}

/* In a storm the guest has sent again whenever its port is opened. */
void event_port_reopen(evtchn_port_t port)
{
    if (++opened == OPENED_MOST)
        longjmp(out, 1);
    if (storm)
        handler(port, &vbd);
}

bool intake_more(struct vbd_queue *q)
{
    (void)q;
    if (++looked == 2 * OPENED_MOST) /* without the port ever being opened */
        longjmp(out, 3);
    return seems_more;
}

struct vbd_request *intake_take(struct vbd_queue *q)
{
    (void)q;
    return NULL;
}

struct vbd_request *map_segments(struct vbd_queue *q, struct vbd_request *list)
{
    (void)q;
    return list;
}

bool execute_submit(struct vbd_queue *q)
{
    (void)q;
    return true;
}

void block_device_kick(struct block_device *device)
{
    (void)device;
}

bool complete_answer(struct vbd_queue *q)
{
    (void)q;
    return false;
}

void block_device_leave(struct block_device *device, struct turn *turn)
{
    (void)device;
    assert_ptr_equal(turn, &vbd.turn);
    left++;
}

void vbd_ended(struct vbd *v)
{
    (void)v;
    assert_int_equal(left, 1); /* not with a place in the line that is no longer ours */
    ended++;
}

void backend_report(struct backend_device *device, const char *why)
{
    (void)device;
    (void)why;
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
    (void)arg;
    (void)stack_bytes;
    serve = fn;
    return (struct task *)&serve;
}

void wait_queue_wait(struct wait_queue *q)
{
    (void)q;
    longjmp(out, 2);
}

void wait_queue_wake_all(struct wait_queue *q)
{
    (void)q;
}

/* 1: its port was opened very often; 2: it sleeps. */
static int served(void)
{
    int how;

    vbd.backend.state = BACKEND_CONNECTED;
    queue.vbd = &vbd;
    opened = looked = yields = 0;
    assert_int_equal(vbd_serve_start(&vbd), 0);
    how = setjmp(out);
    if (!how)
        serve(&vbd);
    return how;
}

static void without_work_it_sleeps(void **state)
{
    (void)state;
    storm = seems_more = false;
    assert_int_equal(served(), 2);
}

static void a_storm_of_events_lets_the_others_run(void **state)
{
    (void)state;
    storm = true;
    seems_more = false;
    assert_int_equal(served(), 1);
    assert_in_range(yields, OPENED_MOST - 10, OPENED_MOST);
}

static void an_index_that_comes_and_goes_lets_the_others_run(void **state)
{
    (void)state;
    storm = false;
    seems_more = true;
    assert_int_equal(served(), 1);
    assert_in_range(yields, OPENED_MOST - 10, OPENED_MOST);
}

/* The order to stop: 0: it has ended; 2: it sleeps. */
static int stopped(void)
{
    int how;

    vbd.backend.state = BACKEND_STOPPING;
    left = ended = 0;
    how = setjmp(out);
    if (!how)
        serve(&vbd);
    return how;
}

static void it_ends_when_nothing_waits(void **state)
{
    struct vbd_request request = { 0 };

    (void)state;
    storm = seems_more = false;
    assert_int_equal(served(), 2);
    queue.mapped_first = &request; /* others' turns come first */
    assert_int_equal(stopped(), 2);
    queue.mapped_first = NULL;
    queue.in_flight = 1;
    assert_int_equal(stopped(), 2);
    assert_int_equal(ended, 0);
    queue.in_flight = 0;
    assert_int_equal(stopped(), 0);
    assert_int_equal(ended, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_work_it_sleeps),
        cmocka_unit_test(a_storm_of_events_lets_the_others_run),
        cmocka_unit_test(an_index_that_comes_and_goes_lets_the_others_run),
        cmocka_unit_test(it_ends_when_nothing_waits),
    };

    return cmocka_run_group_tests_name("block-serve", tests, NULL, NULL);
}

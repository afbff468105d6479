/*
 * Mutexes: who has waited longest is the next owner.
 *
 * Sources:
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tasks/mutex.h"

static char tasks[3]; /* only their addresses count */
static struct task *current;
static unsigned int waits, wakes;

#define TASK(n) ((struct task *)&tasks[n])

struct task *task_current(void)
{
    return current;
}

/* Nobody switches here: whether it waits is all there is to see. */
void wait_queue_wait(struct wait_queue *queue)
{
    waits++;
    if (!queue->first)
        queue->first = current;
}

void wait_queue_wake_one(struct wait_queue *queue)
{
    wakes += queue->first != NULL;
    queue->first = NULL;
}

static void it_is_handed_on(void **state)
{
    struct mutex mutex = MUTEX_INIT;

    (void)state;
    current = TASK(0);
    mutex_lock(&mutex);
    assert_int_equal(waits, 0);
    current = TASK(1);
    mutex_lock(&mutex);
    assert_int_equal(waits, 1);
    current = TASK(0);
    mutex_unlock(&mutex);
    assert_int_equal(wakes, 1);
    assert_ptr_equal(mutex.owner, TASK(1)); /* before it has run */
    mutex_lock(&mutex);
    assert_int_equal(waits, 2);
    mutex.waiters.first = NULL;
    mutex_unlock(&mutex);
    assert_null(mutex.owner);
    current = TASK(2);
    mutex_lock(&mutex);
    assert_int_equal(waits, 2);
    assert_ptr_equal(mutex.owner, TASK(2));
}

int main(void)
{
    const struct CMUnitTest tests_here[] = {
        cmocka_unit_test(it_is_handed_on),
    };

    return cmocka_run_group_tests_name("mutex", tests_here, NULL, NULL);
}

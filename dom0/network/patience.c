/*
 * Waiting for the network.  See patience.h.
 */
#include "network/patience.h"
#include "network/host-stack.h"
#include "pv-kernel/clock.h"
#include "tasks/console-input.h"

#include <errno.h>

#define NS_PER_MS 1000000ULL
#define GLANCE_NS (50 * NS_PER_MS) /* between two looks for Ctrl-C */

struct patience patience_ms(uint64_t milliseconds)
{
    return (struct patience){ .deadline = clock_monotonic_ns() + milliseconds * NS_PER_MS,
                              .interruptible = true };
}

int patience_wait(const struct patience *patience, struct wait_queue *queue)
{
    uint64_t now, moment;

    host_stack_flush();
    if (patience->interruptible && console_take_interrupt())
        return -EINTR;
    now = clock_monotonic_ns();
    if (now >= patience->deadline)
        return -ETIMEDOUT;
    moment = patience->deadline - now < GLANCE_NS ? patience->deadline : now + GLANCE_NS;
    wait_queue_wait_until(queue, moment);
    return 0;
}

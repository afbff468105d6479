/*
 * Patience: how long a command waits for the network, and whether Ctrl-C ends it.
 */
#ifndef NETWORK_PATIENCE_H
#define NETWORK_PATIENCE_H

#include "tasks/wait-queue.h"
#include <stdbool.h>
#include <stdint.h>

struct patience {
    uint64_t deadline; /* by clock_monotonic_ns */
    bool interruptible;
};

/* From now on, for so many milliseconds; Ctrl-C ends it. */
struct patience patience_ms(uint64_t milliseconds);
/*
 * Sends what lwIP has to send, then sleeps until the queue is woken or a moment has passed: 0,
 * look again; -ETIMEDOUT: the deadline has come; -EINTR: Ctrl-C was typed.
 */
int patience_wait(const struct patience *patience, struct wait_queue *queue);

#endif

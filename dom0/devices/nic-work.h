/*
 * A network card's task asleep: what wakes it, and how often it looks after a card that is sending
 * and does not call.
 */
#ifndef DEVICES_NIC_WORK_H
#define DEVICES_NIC_WORK_H

#include "tasks/wait-queue.h"
#include <stdbool.h>
#include <stdint.h>

#define NIC_LOOKS_A_SECOND 1u

struct nic_work {
    struct wait_queue queue;
    volatile bool woken;
    bool watched;
    uint64_t next_look;
};

/* There is work; may be called from handlers. */
void nic_work_wake(struct nic_work *work);
/* From now on the task also wakes to look after its card; may be called as often as one likes. */
void nic_work_watch(struct nic_work *work);
/* The card has nothing to do any more. */
void nic_work_rest(struct nic_work *work);
/* Sleeps until there is work, or it is time to look after the card (true). */
bool nic_work_wait(struct nic_work *work);

#endif

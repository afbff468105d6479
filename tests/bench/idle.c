/*
 * Idle: the smallest guest that stays.  Says that it is up and waits for what never comes; for
 * counting what a guest costs (`make bench`, tests/system/test_hundred.py).
 */
#include "pv-kernel/event-ports.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/print.h"

void guest_main(struct start_info *si)
{
    (void)si;
    kprintf("idle: up\n");
    for (;;) {
        events_mask_save();
        events_block();
    }
}

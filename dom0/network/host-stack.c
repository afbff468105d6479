/*
 * dom0's stack: lwIP's start, clock and timers.  See host-stack.h.
 */
#include "network/host-stack.h"
#include "libc/libc.h"
#include "network/batch.h"
#include "network/host-port.h"
#include "pv-kernel/clock.h"
#include "tasks/task.h"

#include <errno.h>

#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"

#define NS_PER_MS 1000000u
/* Timers that lwIP arms while the network task sleeps wait so long at most. */
#define SLEEP_MS_MAX 100u

_Static_assert(sizeof(struct pbuf) + PBUF_POOL_BUFSIZE == 2048, "two buffers a page: lwipopts.h");

u32_t sys_now(void)
{
    return (u32_t)(clock_monotonic_ns() / NS_PER_MS);
}

uint32_t stack_random(void)
{
    return (uint32_t)(random_bits() >> 32);
}

void host_stack_flush(void)
{
    host_ports_poll();
    batch_end();
}

static void network(void *argument)
{
    (void)argument;
    for (;;) {
        u32_t rest;

        sys_check_timeouts();
        host_stack_flush();
        rest = sys_timeouts_sleeptime();
        task_sleep_ns((uint64_t)NS_PER_MS * LWIP_MIN(LWIP_MAX(rest, 1), SLEEP_MS_MAX));
    }
}

int host_stack_start(void)
{
    lwip_init();
    return task_spawn("network", network, NULL, 0) ? 0 : -ENOMEM;
}

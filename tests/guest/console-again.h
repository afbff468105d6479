/* The console of a test guest after all its ports were closed. */
#ifndef TESTS_GUEST_CONSOLE_AGAIN_H
#define TESTS_GUEST_CONSOLE_AGAIN_H

#include "guest-test.h"
#include "pv-kernel/event-ports.h"

/* The console of a guest is a port like others: it is bound to its other end anew, at the number
 * the console's code knows. */
static inline void console_again(evtchn_port_t console, evtchn_port_t remote)
{
    struct evtchn_bind_interdomain bind = { .remote_dom = 0, .remote_port = remote };
    evtchn_port_t filler = 0;
    int64_t r;

    if (kernel_is_initial_domain())
        return;
    while (filler + 1 < console && !event_port_alloc_unbound(DOMID_SELF, 0, &filler))
        ;
    r = hypercall_event_channel_op(EVTCHNOP_bind_interdomain, HYPERCALL_ARG(&bind));
    check("console bound anew", r, 0);
    check("at its place", (int64_t)bind.local_port, (int64_t)console);
}

#endif

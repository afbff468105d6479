/*
 * States both ends of a split driver publish in xenstore while they connect.
 */
#ifndef HYPERCALL_ABI_RINGS_XENBUS_H
#define HYPERCALL_ABI_RINGS_XENBUS_H

enum xenbus_state {
    XENBUS_UNKNOWN = 0,
    XENBUS_INITIALISING = 1,
    XENBUS_INIT_WAIT = 2,   /* backend: waits for the frontend's details */
    XENBUS_INITIALISED = 3, /* frontend: ring and event channel are there */
    XENBUS_CONNECTED = 4,
    XENBUS_CLOSING = 5,
    XENBUS_CLOSED = 6,
    XENBUS_RECONFIGURING = 7,
    XENBUS_RECONFIGURED = 8
};

#endif

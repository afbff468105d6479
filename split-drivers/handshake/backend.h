/*
 * A backend's side of the xenbus conversation, the same for every class of devices; what a class
 * does at each step is a table of functions.
 *
 *   toolstack writes the node (state 1) -> `open` has what it asks for and tells features, state 2
 *   -> frontend grants its rings, state 3 -> `connect` maps them, state 4 -> frontend 4.
 *   Frontend closes (5, 6) -> `disconnect`, backend_ended, state 5, 6; comes back (1) -> state 2.
 *   Toolstack sets our state to 5 with online 0, or removes the node -> disconnect, `close`,
 * state 6.
 *
 * One task for each class reacts to watches by looking at everything anew: events only say that
 * something changed, never what.  It sleeps for no device: one that is to stop is told so, and its
 * own task, once nothing is in flight, lets go of the rings and looks at the nodes again
 * (backend_ended).  Nothing between two such looks sleeps, so the two kinds of task never meet half
 * way.
 *
 * What could not be done for want of memory is tried again until it can.
 */
#ifndef HANDSHAKE_BACKEND_H
#define HANDSHAKE_BACKEND_H

#include "split-drivers/handshake/xenbus.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum backend_state {
    BACKEND_OPENING,   /* what the node asks for is being had */
    BACKEND_WAITING,   /* open, the frontend is not there yet */
    BACKEND_CONNECTED, /* rings mapped, served */
    BACKEND_STOPPING,  /* told to stop: what is in flight finishes */
    BACKEND_CLOSED,    /* disconnected; the frontend may come again */
    BACKEND_FAILED     /* what the node asks for could not be had */
};

struct backend_class;

/* The first member of a class's own structure. */
struct backend_device {
    uint32_t domid, device_id;
    char path[96];  /* our directory in the store */
    char *frontend; /* the guest's */
    enum backend_state state;
    enum xenbus_state published; /* what the store should say of us */
    bool unpublished;            /* there was no memory to say it: to be tried again */
    bool gone;                   /* its node is: so is the device, once nothing is in flight */
    bool refused;                /* the node says why it was not to be had */
    unsigned int complaints;     /* lines printed about this frontend */
    struct backend_class *class;
    struct backend_device *next;
};

/* A frontend can provoke lines without end: only the first few of each are printed. */
#define BACKEND_COMPLAINTS_MAX 4

struct backend_class {
    const char *name; /* of its folder in the store: vbd, vif */
    size_t device_bytes;
    /* The device is there, zeroed but for backend_device.  0, or -errno after backend_complain, or
     * -EINPROGRESS: backend_opened follows, from another task. */
    int (*open)(struct backend_device *device);
    /* After open, whether it worked or not. */
    void (*close)(struct backend_device *device);
    /* The frontend says its rings are there; what it says is its to lie about. */
    int (*connect)(struct backend_device *device);
    /* The opposite: backend_ended follows, from another task or before it returns. */
    void (*disconnect)(struct backend_device *device);
    /* NULL, or: a node of the frontend's named here changed while it was connected. */
    const char *watched;
    void (*watched_changed)(struct backend_device *device);
    /* This file's. */
    struct xs_client *store;
    struct backend_device *first;
    bool missed; /* something was not done for want of memory */
};

/* Makes the class known and starts its task; needs xenstore.  0 or -errno. */
int backend_start(struct backend_class *class);
/* 0, or -errno after backend_complain.  The device may be gone afterwards. */
void backend_opened(struct backend_device *device, int error);
/* Nobody touches the rings any more.  The device may be gone afterwards. */
void backend_ended(struct backend_device *device);
/* Tells the toolstack, in the node, why the device cannot be had: it is waiting for that. */
void backend_refuse(struct backend_device *device, const char *why);
/* Tells "what: what the error means" there and in the log. */
void backend_complain(struct backend_device *device, const char *what, int error);
/* Only the log; "net: guest 3 device 0: what". */
void backend_report(struct backend_device *device, const char *what);

#endif

/*
 * A backend's side of the conversation.  See backend.h.
 */
#include "split-drivers/handshake/backend.h"
#include "pv-kernel/clock.h"
#include "tasks/task.h"
#include "xenstore/client.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOT     "/local/domain/0/backend/%s"
#define RETRY_NS 100000000LL

void backend_report(struct backend_device *device, const char *what)
{
    if (device->complaints++ < BACKEND_COMPLAINTS_MAX)
        printf("%s: guest %u device %u: %s\n", device->class->name, (unsigned int)device->domid,
               (unsigned int)device->device_id, what);
}

void backend_refuse(struct backend_device *device, const char *why)
{
    struct xs_client *store = device->class->store;

    device->refused = true;
    handshake_write(store, device->path, "hotplug-error", "%s", why);
    handshake_write(store, device->path, "hotplug-status", "error");
}

/* It came back and said better: what was refused before is not to stay in the node. */
static void refusal_withdraw(struct backend_device *device)
{
    if (!device->refused)
        return;
    device->refused = false;
    handshake_remove(device->class->store, device->path, "hotplug-error");
    handshake_write(device->class->store, device->path, "hotplug-status", "connected");
}

void backend_complain(struct backend_device *device, const char *what, int error)
{
    char line[160];

    snprintf(line, sizeof(line), "%.100s: %s", what, strerror(-error));
    backend_refuse(device, line);
    backend_report(device, line);
}

/* True if the rings are gone, or were never there; else they go when nothing is in flight. */
static bool rings_close(struct backend_device *device)
{
    if (device->state == BACKEND_OPENING)
        return false; /* nor is it to be closed before it is open */
    if (device->state != BACKEND_CONNECTED)
        return device->state != BACKEND_STOPPING;
    device->state = BACKEND_STOPPING;
    device->class->disconnect(device);
    return false;
}

static void publish(struct backend_device *device, enum xenbus_state state)
{
    struct backend_class *class = device->class;

    device->published = state;
    device->unpublished = handshake_write_state(class->store, device->path, state) == -ENOMEM;
    class->missed |= device->unpublished;
}

static int frontend_watch_node(struct backend_device *device, const char *node, char letter,
                               bool on)
{
    struct xs_client *store = device->class->store;
    char path[512], token[40];

    snprintf(path, sizeof(path), "%s/%s", device->frontend, node);
    snprintf(token, sizeof(token), "%c/%u/%u", letter, (unsigned int)device->domid,
             (unsigned int)device->device_id);
    return on ? xs_watch(store, path, token) : xs_unwatch(store, path, token);
}

static int frontend_watch(struct backend_device *device, bool on)
{
    int error = frontend_watch_node(device, "state", 'f', on);

    if (!error && device->class->watched) {
        error = frontend_watch_node(device, device->class->watched, 'w', on);
        if (error && on)
            frontend_watch_node(device, "state", 'f', false);
    }
    return error;
}

static struct backend_device *device_find(const struct backend_class *class, uint32_t domid,
                                          uint32_t device_id)
{
    struct backend_device *device = class->first;

    while (device && (device->domid != domid || device->device_id != device_id))
        device = device->next;
    return device;
}

static void open_done(struct backend_device *device, int error)
{
    if (error) {
        device->state = BACKEND_FAILED;
        return;
    }
    device->state = BACKEND_WAITING;
    handshake_write(device->class->store, device->path, "hotplug-status", "connected");
    publish(device, XENBUS_INIT_WAIT);
}

static void device_open(struct backend_device *device)
{
    int error = device->class->open(device);

    if (error == -EINPROGRESS)
        device->state = BACKEND_OPENING;
    else
        open_done(device, error);
}

static struct backend_device *device_create(struct backend_class *class, uint32_t domid,
                                            uint32_t device_id, const char *directory)
{
    struct backend_device *device;

    /* The toolstack writes a node in one transaction; until then there is nothing to do. */
    if (handshake_read_state(class->store, directory) != XENBUS_INITIALISING)
        return NULL;
    device = calloc(1, class->device_bytes);
    if (!device) {
        class->missed = true;
        return NULL;
    }
    device->class = class;
    device->domid = domid;
    device->device_id = device_id;
    snprintf(device->path, sizeof(device->path), "%s", directory);
    device->frontend = handshake_read_string(class->store, directory, "frontend");
    if (!device->frontend || frontend_watch(device, true)) {
        class->missed = true;
        free(device->frontend);
        free(device);
        return NULL;
    }
    device->next = class->first;
    class->first = device;
    device_open(device);
    return device;
}

static void device_destroy(struct backend_device *device)
{
    struct backend_device **at = &device->class->first;

    device->class->close(device);
    frontend_watch(device, false);
    while (*at != device)
        at = &(*at)->next;
    *at = device->next;
    free(device->frontend);
    free(device);
}

static bool is_online(const struct backend_device *device)
{
    uint64_t online;

    return handshake_read_number(device->class->store, device->path, "online", UINT32_MAX,
                                 &online) ||
           online;
}

static void frontend_initialised(struct backend_device *device)
{
    int error;

    if (device->state != BACKEND_WAITING)
        return;
    error = device->class->connect(device);
    if (error == -ENOMEM) {
        device->class->missed = true; /* it is tried again */
        return;
    }
    if (error) {
        backend_complain(device, "frontend's ring", error);
        device->state = BACKEND_CLOSED;
        publish(device, XENBUS_CLOSING);
        return;
    }
    device->state = BACKEND_CONNECTED;
    refusal_withdraw(device);
    publish(device, XENBUS_CONNECTED);
}

static void frontend_closed(struct backend_device *device)
{
    struct xs_client *store = device->class->store;

    if (device->state == BACKEND_WAITING &&
        handshake_read_state(store, device->path) == XENBUS_INIT_WAIT)
        return; /* it was closed before it ever opened */
    if (!rings_close(device))
        return;
    device->state = BACKEND_CLOSED;
    if (handshake_read_state(store, device->path) != XENBUS_CLOSED)
        publish(device, XENBUS_CLOSED);
}

static void frontend_changed(struct backend_device *device)
{
    struct xs_client *store = device->class->store;

    switch (handshake_read_state(store, device->frontend)) {
    case XENBUS_INITIALISING:
        if (device->state == BACKEND_CLOSED) {
            device->state = BACKEND_WAITING;
            publish(device, XENBUS_INIT_WAIT);
        }
        break;
    case XENBUS_INITIALISED:
    case XENBUS_CONNECTED:
        frontend_initialised(device);
        break;
    case XENBUS_CLOSING:
        if (!rings_close(device))
            break;
        if (handshake_read_state(store, device->path) != XENBUS_CLOSING)
            publish(device, XENBUS_CLOSING);
        break;
    case XENBUS_CLOSED:
        frontend_closed(device);
        break;
    default:
        break;
    }
}

/* The toolstack wants it gone: online is 0 and our state was set to closing. */
static void device_shut(struct backend_device *device)
{
    publish(device, XENBUS_CLOSED);
    device_destroy(device);
}

static void device_look(struct backend_class *class, uint32_t domid, uint32_t device_id)
{
    struct backend_device *device = device_find(class, domid, device_id);
    enum xenbus_state state;
    char directory[96];

    snprintf(directory, sizeof(directory), ROOT "/%u/%u", class->name, (unsigned int)domid,
             (unsigned int)device_id);
    if (!device)
        device = device_create(class, domid, device_id, directory);
    if (!device)
        return;
    if (device->unpublished && !device->gone)
        publish(device, device->published);
    state = handshake_read_state(class->store, directory);
    if (state == XENBUS_UNKNOWN || device->gone) {
        /* What is written there from now on is another device, even if this one still stops. */
        device->gone = true;
        if (rings_close(device))
            device_destroy(device);
    } else if (state == XENBUS_CLOSING && !is_online(device)) {
        if (rings_close(device))
            device_shut(device);
    } else if (device->state != BACKEND_FAILED) {
        frontend_changed(device);
    }
}

/* Something of it has ended, for which the nodes may have been waiting. */
static void device_look_again(struct backend_device *device)
{
    struct backend_class *class = device->class;
    uint32_t domid = device->domid, device_id = device->device_id;
    bool gone = device->gone;

    device_look(class, domid, device_id);
    if (gone)
        device_look(class, domid, device_id); /* there may be another of its number by now */
}

void backend_opened(struct backend_device *device, int error)
{
    if (device->gone || error)
        device->state = BACKEND_FAILED; /* and nothing is written to what may be another's node */
    else if (handshake_read_state(device->class->store, device->path) != XENBUS_INITIALISING)
        device->state = BACKEND_CLOSED; /* it is to close again: that is not to be written over */
    else
        open_done(device, 0);
    device_look_again(device);
}

void backend_ended(struct backend_device *device)
{
    device->state = BACKEND_CLOSED;
    device_look_again(device);
}

/* The devices of one guest, by their nodes. */
static void look_at_guest(struct backend_class *class, const char *guest)
{
    char directory[80], **devices;
    size_t count;
    int error;

    snprintf(directory, sizeof(directory), ROOT "/%.20s", class->name, guest);
    error = xs_list(class->store, XS_NO_TX, directory, &devices, &count);
    class->missed |= error == -ENOMEM;
    if (error)
        return;
    for (size_t i = 0; i < count; i++)
        device_look(class, (uint32_t)strtoul(guest, NULL, 10),
                    (uint32_t)strtoul(devices[i], NULL, 10));
    free(devices);
}

/* Looks at every device, those there are and those whose nodes are there: for changes above the
 * nodes, and when an event may have been lost. */
static void look_at_all(struct backend_class *class)
{
    struct backend_device *next;
    char directory[80], **guests;
    size_t count;
    int error;

    for (struct backend_device *device = class->first; device; device = next) {
        next = device->next;
        device_look(class, device->domid, device->device_id);
    }
    snprintf(directory, sizeof(directory), ROOT, class->name);
    error = xs_list(class->store, XS_NO_TX, directory, &guests, &count);
    class->missed |= error == -ENOMEM;
    if (error)
        return;
    for (size_t i = 0; i < count; i++)
        look_at_guest(class, guests[i]);
    free(guests);
}

static void watched_changed(struct backend_class *class, uint32_t domid, uint32_t device_id)
{
    struct backend_device *device = device_find(class, domid, device_id);

    if (device && device->state == BACKEND_CONNECTED)
        class->watched_changed(device);
}

static void watch_fired(struct backend_class *class, const char *path, const char *token)
{
    unsigned int domid, device_id;
    char pattern[80];

    snprintf(pattern, sizeof(pattern), ROOT "/%%u/%%u", class->name);
    if (sscanf(token, "w/%u/%u", &domid, &device_id) == 2)
        watched_changed(class, domid, device_id);
    else if (sscanf(token, "f/%u/%u", &domid, &device_id) == 2 ||
             sscanf(path, pattern, &domid, &device_id) == 2)
        device_look(class, domid, device_id);
    else
        look_at_all(class);
}

static void watch_task(void *arg)
{
    struct backend_class *class = arg;
    uint64_t retry = 0; /* when what was missed is looked at again, whatever events there are */
    char *path, *token;

    for (;;) {
        int error = xs_wait_watch(class->store, class->missed ? RETRY_NS : -1, &path, &token);

        if (!error) {
            watch_fired(class, path, token);
            free(path);
            free(token);
            if (!class->missed || clock_monotonic_ns() < retry)
                continue;
        }
        retry = clock_monotonic_ns() + RETRY_NS;
        /* Time to try again what was missed; or there was no memory for the event itself. */
        if (error && error != -ETIMEDOUT)
            task_sleep_ns(RETRY_NS);
        class->missed = false;
        look_at_all(class);
    }
}

int backend_start(struct backend_class *class)
{
    char name[32], root[80];
    int error;

    class->store = xs_open();
    if (!class->store)
        return -ENOMEM;
    snprintf(root, sizeof(root), ROOT, class->name);
    error = xs_watch(class->store, root, "backend");
    if (error)
        return error;
    snprintf(name, sizeof(name), "%s-back", class->name);
    return task_spawn(name, watch_task, class, 0) ? 0 : -ENOMEM;
}

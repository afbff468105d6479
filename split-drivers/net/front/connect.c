/*
 * Connect: the conversation with the backends, by states in the store, and nothing of the data
 * path.  States: hypercall-abi/rings/xenbus.h.
 *
 *   toolstack writes both nodes (1, 1) -> backend tells what it can (2) -> we make the rings (4)
 *   -> backend maps them (4).  Backend closes (5, 6), or its node goes -> rings end, we close (6);
 *   if it is to come back (online), or a new one is there, we begin again (1).
 *
 * One task reacts to watches by looking at everything anew: events only say that something changed,
 * never what.  It waits for the store in the middle of that, and interfaces' tasks run meanwhile:
 * they may break one off, so what is decided is decided between two such waits.
 */
#include "split-drivers/net/front/front.h"
#include "split-drivers/net/front/net-front.h"
#include "pv-kernel/clock.h"
#include "split-drivers/handshake/xenbus.h"
#include "tasks/task.h"
#include "tasks/wait-queue.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER     "device/vif"
#define ANSWERS_NS 10000000000ULL
#define AGAIN_NS   1000000000LL

static struct xs_client *store;
static struct front *first;
static bool looked; /* once at all interfaces */
static bool missed; /* something was not done for want of memory */
static struct wait_queue progress = WAIT_QUEUE_INIT;

static void publish(struct front *front, enum xenbus_state state)
{
    if (front->published == state)
        return;
    front->published = state;
    handshake_write_state(store, front->path, state);
}

static void rings_end(struct front *front)
{
    front->state = FRONT_CLOSED;
    front->broken = NULL;
    queues_end(front);
    front_set_link(front, false);
}

static int device_register(struct front *front)
{
    int error;

    front->net.driver = &front_driver;
    front->net.driver_state = front;
    error = net_device_register(&front->net);
    if (!error)
        error = front_serve_start(front);
    front->registered = !error;
    return error;
}

/* It is tried again; that the nodes changed under it is nothing to be said. */
static void offer_failed(struct front *front, int error)
{
    if (error != -EAGAIN && front->complaints++ < FRONT_COMPLAINTS_MAX)
        printf("%s: no link: %s\n", front->net.name, strerror(-error));
    rings_end(front);
    missed = true;
}

/* The backend waits for us: with it as it is now, or for the first time. */
static void rings_make(struct front *front)
{
    int error = offer_read(front, store);

    if (!error && !front->registered)
        error = device_register(front);
    if (error) {
        front->state = FRONT_CLOSED;
        return;
    }
    publish(front, XENBUS_INITIALISING);
    queues_ending(front); /* it lets go of the old ones before it begins anew */
    error = offer_make(front, store);
    if (!error) {
        front->state = FRONT_CONNECTING;
        error = offer_seal(front, store);
    }
    if (error) {
        offer_failed(front, error);
        return;
    }
    front->published = XENBUS_CONNECTED;
}

static void backend_connected(struct front *front)
{
    if (front->state != FRONT_CONNECTING)
        return;
    front->state = FRONT_CONNECTED;
    front->was_connected = true;
    front_set_link(front, true);
}

static void backend_closed(struct front *front, enum xenbus_state theirs)
{
    uint64_t online;

    if (front->state == FRONT_WAITING && theirs == XENBUS_CLOSED &&
        front->published == XENBUS_INITIALISING)
        return; /* it has not seen yet that we begin again */
    rings_end(front);
    publish(front, XENBUS_CLOSED);
    if (theirs != XENBUS_CLOSED || !front->was_connected ||
        handshake_read_number(store, front->backend, "online", UINT32_MAX, &online) || !online)
        return;
    front->was_connected = false;
    front->state = FRONT_WAITING;
    publish(front, XENBUS_INITIALISING);
}

static void backend_changed(struct front *front, enum xenbus_state theirs)
{
    switch (theirs) {
    case XENBUS_INIT_WAIT:
        if (front->state == FRONT_CONNECTED) {
            rings_end(front); /* another one, which knows nothing of our rings */
            publish(front, XENBUS_CLOSED);
        }
        if (front->state == FRONT_WAITING || front->state == FRONT_CLOSED)
            rings_make(front);
        break;
    case XENBUS_CONNECTED:
        backend_connected(front);
        break;
    case XENBUS_CLOSING:
    case XENBUS_CLOSED:
        backend_closed(front, theirs);
        break;
    case XENBUS_UNKNOWN:
        rings_end(front);
        break;
    default:
        break;
    }
}

static void backend_watch(const struct front *front, bool on)
{
    char path[512], token[16];

    snprintf(path, sizeof(path), "%s/state", front->backend);
    snprintf(token, sizeof(token), "b/%u", front->number);
    if (on)
        xs_watch(store, path, token);
    else
        xs_unwatch(store, path, token);
}

/* Whose backend it is, which changes when the toolstack makes its node anew. */
static void backend_find(struct front *front)
{
    char *backend = handshake_read_string(store, front->path, "backend");
    uint64_t domid = 0;

    if (handshake_read_number(store, front->path, "backend-id", DOMID_FIRST_RESERVED - 1u,
                              &domid)) {
        free(backend);
        backend = NULL;
    }
    if (backend && front->backend && !strcmp(backend, front->backend) && front->domid == domid) {
        free(backend);
        return;
    }
    if (front->backend) {
        rings_end(front);
        backend_watch(front, false);
    }
    free(front->backend);
    front->backend = backend;
    front->domid = (domid_t)domid;
    front->published = handshake_read_state(store, front->path);
    if (backend)
        backend_watch(front, true);
}

static void look(struct front *front)
{
    enum xenbus_state theirs;

    backend_find(front);
    if (!front->backend)
        return;
    theirs = handshake_read_state(store, front->backend);
    if (theirs == XENBUS_UNKNOWN)
        front->published = handshake_read_state(store, front->path);
    backend_changed(front, theirs);
}

static void front_add(unsigned int number)
{
    struct front **at = &first, *front;

    while (*at && (*at)->number < number)
        at = &(*at)->next;
    if (*at && (*at)->number == number)
        return;
    front = calloc(1, sizeof(*front));
    if (!front) {
        printf("net-front: no memory for interface %u\n", number);
        return;
    }
    front->number = number;
    snprintf(front->path, sizeof(front->path), FOLDER "/%u", number);
    front->next = *at;
    *at = front;
}

static void look_at_all(void)
{
    char **names;
    size_t count;

    if (!xs_list(store, XS_NO_TX, FOLDER, &names, &count)) {
        for (size_t i = 0; i < count; i++)
            front_add((unsigned int)strtoul(names[i], NULL, 10));
        free(names);
    }
    for (struct front *front = first; front; front = front->next)
        look(front);
    looked = true;
    wait_queue_wake_all(&progress);
}

/* What we write into our own nodes is told to us, too. */
static bool is_news(const char *path, const char *token)
{
    const char *below =
        strlen(path) > strlen(FOLDER) ? strchr(path + strlen(FOLDER) + 1, '/') : NULL;

    return token[0] == 'b' || !below;
}

/* Waits for news, or to try again what was not done; false: there will be none. */
static bool news_wait(void)
{
    for (;;) {
        char *path, *token;
        int error = xs_wait_watch(store, missed ? AGAIN_NS : -1, &path, &token);
        bool news;

        if (error)
            return error == -ETIMEDOUT;
        news = is_news(path, token);
        free(path);
        free(token);
        if (news)
            return true;
    }
}

static void conversation(void *arg)
{
    (void)arg;
    xs_watch(store, FOLDER, "vif");
    while (news_wait()) {
        missed = false;
        look_at_all();
    }
    printf("net-front: the store is gone: interfaces stay as they are\n");
}

static bool is_settled(void)
{
    bool settled = looked;

    for (const struct front *front = first; front; front = front->next)
        settled &= front->net.link || front->state == FRONT_CLOSED || front->state == FRONT_BROKEN;
    return settled;
}

int net_front_start(const char *command_line)
{
    uint64_t deadline = clock_monotonic_ns() + ANSWERS_NS;

    offer_limits_parse(command_line);
    store = xs_open();
    if (!store)
        return -ENODEV;
    if (!task_spawn("net-front", conversation, NULL, 0))
        return -ENOMEM;
    while (!is_settled())
        if (wait_queue_wait_until(&progress, deadline))
            break;
    return 0;
}

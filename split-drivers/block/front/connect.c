/*
 * Connect: the conversation with the backends, by states in the store, and nothing of the data
 * path.  States: hypercall-abi/rings/xenbus.h.
 *
 *   toolstack writes both nodes (1, 1) -> backend tells what it can (2) -> we make the rings (3)
 *   -> backend maps them and tells what the disk is (4) -> we have it (4).  Backend closes (5, 6),
 *   or its node goes -> we close (6), and the disk's task takes back what was shared; if the
 *   backend is to come back (online), or a new one is there, we begin again (1).
 *
 * One task reacts to watches by looking at everything anew: events only say that something changed,
 * never what.  It waits for the store in the middle of that, and disks' tasks run meanwhile: they
 * may break one off, so what is decided is decided between two such waits.  What they want said
 * they leave in remote->tell, for which it looks from time to time: there is nothing that would
 * wake it, since a guest has one client of the store.
 */
#include "split-drivers/block/front/block-front.h"
#include "split-drivers/block/front/remote.h"
#include "devices/disk-names.h"
#include "pv-kernel/clock.h"
#include "split-drivers/handshake/xenbus.h"
#include "tasks/task.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER     "device/vbd"
#define ANSWERS_NS 10000000000ULL
#define AGAIN_NS   1000000000LL
#define LEAVING_NS 20000000LL

static struct xs_client *store;
static struct remote *first;
static bool looked; /* once at all disks */
static bool missed; /* something was not done for want of memory */
static struct wait_queue progress = WAIT_QUEUE_INIT;

/* A node that the toolstack has taken away is not ours to make again. */
static void publish(struct remote *remote, enum xenbus_state state)
{
    if (remote->published == state || remote->published == XENBUS_UNKNOWN)
        return;
    remote->published = state;
    handshake_write_state(store, remote->path, state);
}

static void settle(struct remote *remote)
{
    remote->settled = true;
    wait_queue_wake_all(&progress);
}

/* Reads its partitions, so it waits for the disk. */
static void register_task(void *arg)
{
    struct remote *remote = arg;
    int error = disk_register(&remote->disk, &remote->controller);

    if (error)
        printf("%s: no disk: %s\n", remote->disk.block.name, strerror(-error));
    settle(remote);
}

/* It is tried again; that the nodes changed under it is nothing to be said. */
static void link_failed(struct remote *remote, int error)
{
    if (error != -EAGAIN && remote->complaints++ < REMOTE_COMPLAINTS_MAX)
        printf("%s: no link: %s\n", remote->disk.block.name, strerror(-error));
    remote->again = clock_monotonic_ns() + (error == -EAGAIN ? 0 : AGAIN_NS);
    missed = true;
    remote_leave(remote);
}

/* The backend waits for us: with a disk as it is now, or for the first time. */
static void link_begin(struct remote *remote)
{
    int error;

    if (remote->refused) {
        settle(remote);
        return;
    }
    if (clock_monotonic_ns() < remote->again) {
        missed = true;
        return;
    }
    publish(remote, XENBUS_INITIALISING);
    remote->state = REMOTE_CONNECTING;
    error = terms_tell(remote, store);
    if (!error && remote->state == REMOTE_CONNECTING)
        error = terms_seal(remote, store);
    if (error)
        link_failed(remote, error);
    else
        remote->published = XENBUS_INITIALISED;
}

static void backend_connected(struct remote *remote)
{
    bool known = remote->known;
    int error;

    if (remote->state != REMOTE_CONNECTING)
        return;
    error = terms_read(remote, store);
    if (error) {
        remote->refused = true;
        publish(remote, XENBUS_CLOSED);
        remote_leave(remote);
        settle(remote);
        return;
    }
    remote->state = REMOTE_CONNECTED;
    remote->was_connected = true;
    publish(remote, XENBUS_CONNECTED);
    terms_print(remote);
    disk_controller_look_now(&remote->controller);
    if (!known && !task_spawn(remote->disk.block.name, register_task, remote, 0))
        settle(remote);
}

static bool is_online(const struct remote *remote)
{
    uint64_t online;

    return !handshake_read_number(store, remote->backend, "online", UINT32_MAX, &online) && online;
}

static void backend_closed(struct remote *remote, enum xenbus_state theirs)
{
    bool online = theirs == XENBUS_CLOSING || is_online(remote);

    if (remote->state == REMOTE_WAITING && theirs == XENBUS_CLOSED &&
        remote->published == XENBUS_INITIALISING)
        return; /* it has not seen yet that we begin again */
    remote_leave(remote);
    publish(remote, XENBUS_CLOSED);
    remote->gone = !online;
    if (remote->state != REMOTE_CLOSED || theirs != XENBUS_CLOSED || !online)
        return;
    if (!remote->was_connected || remote->refused) {
        settle(remote);
        return;
    }
    remote->was_connected = false;
    remote->state = REMOTE_WAITING;
    publish(remote, XENBUS_INITIALISING);
}

static void backend_changed(struct remote *remote, enum xenbus_state theirs)
{
    if (theirs != XENBUS_UNKNOWN && theirs != XENBUS_CLOSING && theirs != XENBUS_CLOSED)
        remote->gone = false;
    switch (theirs) {
    case XENBUS_INIT_WAIT:
        if (remote->state == REMOTE_CONNECTED) {
            remote_leave(remote); /* another one, which knows nothing of our rings */
            publish(remote, XENBUS_CLOSED);
        }
        if (remote->state == REMOTE_WAITING || remote->state == REMOTE_CLOSED)
            link_begin(remote);
        break;
    case XENBUS_CONNECTED:
        backend_connected(remote);
        break;
    case XENBUS_CLOSING:
    case XENBUS_CLOSED:
        backend_closed(remote, theirs);
        break;
    case XENBUS_UNKNOWN:
        remote_leave(remote);
        remote->gone = true;
        settle(remote);
        break;
    default:
        break;
    }
    wait_queue_wake_all(&remote->changed);
}

static void backend_watch(const struct remote *remote, bool on)
{
    char path[512], token[16];

    snprintf(path, sizeof(path), "%s/state", remote->backend);
    snprintf(token, sizeof(token), "b/%u", remote->number);
    if (on)
        xs_watch(store, path, token);
    else
        xs_unwatch(store, path, token);
}

/* Whose backend it is, which changes when the toolstack makes its node anew. */
static void backend_find(struct remote *remote)
{
    char *backend = handshake_read_string(store, remote->path, "backend");
    uint64_t domid = 0;

    if (handshake_read_number(store, remote->path, "backend-id", DOMID_FIRST_RESERVED - 1u,
                              &domid)) {
        free(backend);
        backend = NULL;
    }
    if (backend && remote->backend && !strcmp(backend, remote->backend) && remote->domid == domid) {
        free(backend);
        return;
    }
    if (remote->backend) {
        remote_leave(remote);
        backend_watch(remote, false);
    }
    free(remote->backend);
    remote->backend = backend;
    remote->domid = (domid_t)domid;
    if (backend)
        backend_watch(remote, true);
    else
        remote->gone = true;
}

static void look(struct remote *remote)
{
    remote->tell = false;
    backend_find(remote);
    remote->published = handshake_read_state(store, remote->path);
    if (remote->published == XENBUS_UNKNOWN || remote->published == XENBUS_INITIALISING)
        remote->refused = false; /* who made it so makes the disk anew: we left it closed */
    if (remote->state == REMOTE_LEAVING)
        publish(remote, XENBUS_CLOSED);
    remote->theirs =
        remote->backend ? handshake_read_state(store, remote->backend) : XENBUS_UNKNOWN;
    backend_changed(remote, remote->theirs);
}

/* Linux's numbers (Documentation of Xen: vbd-interface): a major and minor, or many disks. */
static void name_make(struct remote *remote)
{
    unsigned int number = remote->number;
    char *name = remote->disk.block.name;

    if (number >> 28 == 1 && !(number & 0xff))
        disk_name_by_index(name, "xvd", (number & 0xfffffff) >> 8);
    else if (number >> 8 == 202 && !(number & 15))
        disk_name_by_index(name, "xvd", (number & 0xff) >> 4);
    else
        snprintf(name, sizeof(remote->disk.block.name), "vbd%u", number);
}

static void remote_add(unsigned int number)
{
    struct remote **at = &first, *remote;

    while (*at && (*at)->number < number)
        at = &(*at)->next;
    if (*at && (*at)->number == number)
        return;
    remote = calloc(1, sizeof(*remote));
    if (remote) {
        remote->number = number;
        name_make(remote);
        snprintf(remote->path, sizeof(remote->path), FOLDER "/%u", number);
    }
    if (!remote || remote_start(remote)) {
        printf("block-front: no memory for disk %u\n", number);
        free(remote);
        return;
    }
    remote->next = *at;
    *at = remote;
}

static void look_at_all(void)
{
    char **names;
    size_t count;

    if (!xs_list(store, XS_NO_TX, FOLDER, &names, &count)) {
        for (size_t i = 0; i < count; i++)
            remote_add((unsigned int)strtoul(names[i], NULL, 10));
        free(names);
    }
    for (struct remote *remote = first; remote; remote = remote->next)
        look(remote);
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

/* How long to wait at most for the next look at what tasks want said; is there any now? */
static int64_t patience(bool *wanted)
{
    int64_t ns = first ? AGAIN_NS : -1;

    *wanted = missed;
    for (const struct remote *remote = first; remote; remote = remote->next) {
        *wanted |= remote->tell;
        if (remote->state == REMOTE_LEAVING)
            ns = LEAVING_NS;
    }
    return ns;
}

/* Waits for news, or for something to be said; false: there will be none. */
static bool news_wait(void)
{
    for (;;) {
        char *path, *token;
        bool news;
        int error = xs_wait_watch(store, patience(&news), &path, &token);

        if (error == -ETIMEDOUT) {
            patience(&news);
            if (news)
                return true;
            continue;
        }
        if (error)
            return false;
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
    xs_watch(store, FOLDER, "vbd");
    while (news_wait()) {
        missed = false;
        look_at_all();
    }
    printf("block-front: the store is gone: disks stay as they are\n");
}

static bool is_settled(void)
{
    bool settled = looked;

    for (const struct remote *remote = first; remote; remote = remote->next)
        settled &= remote->settled;
    return settled;
}

int block_front_start(const char *command_line)
{
    uint64_t deadline = clock_monotonic_ns() + ANSWERS_NS;

    terms_limits_parse(command_line);
    store = xs_open();
    if (!store)
        return -ENODEV;
    if (!task_spawn("block-front", conversation, NULL, 0))
        return -ENOMEM;
    while (!is_settled())
        if (wait_queue_wait_until(&progress, deadline))
            break;
    return 0;
}

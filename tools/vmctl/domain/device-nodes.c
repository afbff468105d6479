/*
 * What is the same for the nodes of every class of devices: waiting for a backend's word, and
 * asking it to let go.  See nodes.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall-abi/rings/xenbus.h"
#include "vmctl/domain/nodes.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

#define CLOSE_WAIT_NS   (5 * 1000000000LL)
#define VERDICT_WAIT_NS (20 * 1000000000LL)

#define BACKEND "/local/domain/0/backend/%s/%u"

/* The classes there are. */
static const char *const classes[] = { "vbd", "vif" };

/* 0: it has the device; -EINPROGRESS: not yet. */
static int backend_verdict(struct xs_client *store, const char *base, char *why, size_t size)
{
    char path[120], *text;
    uint64_t state = XENBUS_UNKNOWN;
    bool failed = false;

    snprintf(path, sizeof(path), "%.90s/hotplug-status", base);
    if (!xs_read(store, XS_NO_TX, path, &text, NULL)) {
        failed = !strcmp(text, "error");
        free(text);
    }
    snprintf(path, sizeof(path), "%.90s/hotplug-error", base);
    if (failed && !xs_read(store, XS_NO_TX, path, &text, NULL)) {
        snprintf(why, size, "%s", text);
        free(text);
    }
    if (failed)
        return -EIO;
    snprintf(path, sizeof(path), "%.90s/state", base);
    if (xs_read_number(store, XS_NO_TX, path, &state))
        return -ENOENT;
    if (state >= XENBUS_CLOSING)
        return -EIO;
    return state >= XENBUS_INIT_WAIT ? 0 : -EINPROGRESS;
}

/* Sleeps until something below a watched node changed, or the time is over. */
static void watch_sleep(struct xs_client *store, int64_t timeout_ns)
{
    char *where, *token;

    if (!xs_wait_watch(store, timeout_ns, &where, &token)) {
        free(where);
        free(token);
    }
}

/* No more events of a watch that was just taken away. */
static void watch_end(struct xs_client *store, const char *path, const char *token_given)
{
    char *where, *token;

    xs_unwatch(store, path, token_given);
    while (!xs_wait_watch(store, 0, &where, &token)) {
        free(where);
        free(token);
    }
}

int device_nodes_wait(struct xs_client *store, const char *class, uint32_t domid,
                      uint32_t device_id, char *why, size_t size)
{
    int64_t deadline = platform_now_ns() + VERDICT_WAIT_NS, left;
    char path[80];
    int error;

    snprintf(why, size, "its backend gave up");
    snprintf(path, sizeof(path), BACKEND "/%u", class, (unsigned int)domid,
             (unsigned int)device_id);
    error = xs_watch(store, path, "verdict");
    if (error)
        return error;
    while ((error = backend_verdict(store, path, why, size)) == -EINPROGRESS &&
           (left = deadline - platform_now_ns()) > 0)
        watch_sleep(store, left);
    watch_end(store, path, "verdict");
    if (error == -EINPROGRESS)
        snprintf(why, size, "its backend does not answer");
    return error;
}

static bool backend_is_closed(struct xs_client *store, const char *base)
{
    char path[120];
    uint64_t state;

    snprintf(path, sizeof(path), "%.90s/state", base);
    return xs_read_number(store, XS_NO_TX, path, &state) || state == XENBUS_CLOSED ||
           state == XENBUS_INITIALISING;
}

/* Asks one backend to close and waits a while for it. */
static int backend_close(struct xs_client *store, const char *base)
{
    int64_t deadline = platform_now_ns() + CLOSE_WAIT_NS, left;
    char path[120];

    if (backend_is_closed(store, base))
        return 0;
    snprintf(path, sizeof(path), "%.90s/online", base);
    xs_printf(store, XS_NO_TX, path, "0");
    snprintf(path, sizeof(path), "%.90s/state", base);
    if (xs_watch(store, path, "close"))
        return -ENOMEM;
    xs_printf(store, XS_NO_TX, path, "%d", XENBUS_CLOSING);
    while (!backend_is_closed(store, base) && (left = deadline - platform_now_ns()) > 0)
        watch_sleep(store, left);
    watch_end(store, path, "close");
    return backend_is_closed(store, base) ? 0 : -ETIMEDOUT;
}

/*
 * The state is the backend's to write; written for it, a frontend takes it for the wish to close,
 * as libxl relies on, and a backend that is online goes on until its frontend has closed.
 */
int device_nodes_ask(struct xs_client *store, const char *class, uint32_t domid, uint32_t device_id)
{
    int64_t deadline = platform_now_ns() + CLOSE_WAIT_NS, left;
    char base[80], path[120];
    uint64_t before;

    snprintf(base, sizeof(base), BACKEND "/%u", class, (unsigned int)domid,
             (unsigned int)device_id);
    snprintf(path, sizeof(path), "%s/state", base);
    if (xs_read_number(store, XS_NO_TX, path, &before) || before != XENBUS_CONNECTED)
        return 0; /* nobody uses it */
    if (xs_watch(store, path, "ask"))
        return -ENOMEM;
    xs_printf(store, XS_NO_TX, path, "%d", XENBUS_CLOSING);
    while (!backend_is_closed(store, base) && (left = deadline - platform_now_ns()) > 0)
        watch_sleep(store, left);
    watch_end(store, path, "ask");
    if (backend_is_closed(store, base))
        return 0;
    snprintf(path, sizeof(path), "/local/domain/%u/device/%s/%u/state", (unsigned int)domid, class,
             (unsigned int)device_id);
    if (!xs_read_number(store, XS_NO_TX, path, &before) && before == XENBUS_CONNECTED) {
        snprintf(path, sizeof(path), "%s/state", base);
        xs_printf(store, XS_NO_TX, path, "%d", XENBUS_CONNECTED);
    }
    return -EBUSY;
}

int device_nodes_remove(struct xs_client *store, const char *class, uint32_t domid,
                        uint32_t device_id)
{
    char path[80];
    int error;

    snprintf(path, sizeof(path), BACKEND "/%u", class, (unsigned int)domid,
             (unsigned int)device_id);
    error = backend_close(store, path);
    xs_rm(store, XS_NO_TX, path);
    snprintf(path, sizeof(path), "/local/domain/%u/device/%s/%u", (unsigned int)domid, class,
             (unsigned int)device_id);
    xs_rm(store, XS_NO_TX, path);
    return error;
}

static void class_remove(struct xs_client *store, const char *class, uint32_t domid)
{
    char **devices, path[80];
    size_t count;

    snprintf(path, sizeof(path), BACKEND, class, (unsigned int)domid);
    if (xs_list(store, XS_NO_TX, path, &devices, &count))
        return;
    for (size_t i = 0; i < count; i++)
        device_nodes_remove(store, class, domid, (uint32_t)strtoul(devices[i], NULL, 10));
    free(devices);
    xs_rm(store, XS_NO_TX, path);
}

void devices_nodes_remove(struct xs_client *store, uint32_t domid)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        class_remove(store, classes[i], domid);
}

void devices_nodes_forget(struct xs_client *store, uint32_t domid)
{
    char path[80];

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        snprintf(path, sizeof(path), BACKEND, classes[i], (unsigned int)domid);
        xs_rm(store, XS_NO_TX, path);
    }
}

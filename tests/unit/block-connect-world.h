/*
 * What stands around the block backend's conversation: the real store, a task that runs until it
 * would sleep, and fakes of the data path, of grants, of the disk and of files.
 */
#ifndef TESTS_UNIT_BLOCK_CONNECT_WORLD_H
#define TESTS_UNIT_BLOCK_CONNECT_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "libc/libc.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "split-drivers/block/back/block-back.h"
#include "split-drivers/block/back/vbd.h"
#include "storage/image.h"
#include "tasks/task.h"
#include "xenstore/client.h"
#include "xenstore/connection.h"
#include "xenstore/local-client.h"
#include "xenstore/store.h"

static bool no_memory;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size)
{
    return no_memory ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return no_memory ? NULL : __real_calloc(count, size);
}

char *__wrap_strdup(const char *text)
{
    return no_memory ? NULL : __real_strdup(text);
}

/* The task runs until it would sleep; time passes only then. */
static void (*backend_task)(void *arg);
static void *backend_argument;
static jmp_buf asleep;
static bool task_runs;
static uint64_t now;

struct task *task_spawn(const char *name, void (*fn)(void *), void *arg, size_t stack_bytes)
{
    (void)name;
    (void)stack_bytes;
    backend_task = fn;
    backend_argument = arg;
    return (struct task *)1;
}

void task_sleep_ns(uint64_t ns)
{
    now += ns;
}

void wait_queue_wait(struct wait_queue *q)
{
    (void)q;
    assert_true(task_runs);
    longjmp(asleep, 1);
}

int wait_queue_wait_until(struct wait_queue *q, uint64_t deadline_ns)
{
    static unsigned int naps;

    (void)q;
    if (now < deadline_ns)
        now = deadline_ns;
    if (++naps % 4 == 0)
        longjmp(asleep, 1);
    return -ETIMEDOUT;
}

void wait_queue_wake_all(struct wait_queue *q)
{
    (void)q;
}

uint64_t clock_monotonic_ns(void)
{
    return now;
}

static void backend_runs(void)
{
    task_runs = true;
    if (!setjmp(asleep))
        backend_task(backend_argument);
    task_runs = false;
}

bool libc_memory_allows(size_t bytes)
{
    (void)bytes;
    return !no_memory;
}

/* The data path, and the pages behind it. */
static struct block_device disk = { .name = "vda",
                                    .sectors = 100,
                                    .limits = { .sector_size = 512 } };
static struct vbd *stopping[4];
static unsigned int started, stopping_count, mapped, pages_last, ports;

int block_device_find(const char *name, struct block_device **device)
{
    *device = &disk;
    return strcmp(name, "/dev/vda") ? -ENODEV : 0;
}

struct block_device *block_devices_first(void)
{
    return &disk;
}

void block_device_names(const struct block_device *device, char names[BLOCK_NAMES_MAX])
{
    strcpy(names, device->name);
}

static unsigned int opened;
static bool shared;

int block_device_claim_shared(struct block_device *device)
{
    shared = true;
    return block_device_claim(device, true);
}

/* An image opens when its disk has answered. */
static void (*image_opened)(void *owner, int error);
static void *image_owner;
static enum file_claim_kind image_kind;
static unsigned int images_closed;

int image_open(const char *path, enum file_claim_kind kind, void (*when)(void *owner, int error),
               void *owner, struct image **image)
{
    *image = NULL;
    if (!strcmp(path, "/data/no-memory"))
        return -ENOMEM;
    assert_string_equal(path, "/data/disk.img");
    image_opened = when;
    image_owner = owner;
    image_kind = kind;
    *image = (struct image *)&image_kind;
    return 0;
}

struct block_device *image_device(struct image *image)
{
    assert_ptr_equal(image, &image_kind);
    return &disk;
}

void image_close(struct image *image)
{
    assert_ptr_equal(image, &image_kind);
    images_closed++;
}

int block_device_claim(struct block_device *device, bool writable)
{
    opened++;
    (void)device;
    (void)writable;
    return 0;
}

void block_device_release(struct block_device *device, bool writable)
{
    (void)device;
    (void)writable;
}

int grant_maps_map(domid_t domid, const grant_ref_t *refs, size_t n, bool writable, void **va,
                   grant_handle_t *handles)
{
    (void)domid;
    (void)writable;
    (void)handles;
    for (size_t i = 0; i < n; i++)
        assert_in_range(refs[i], 8, 15);
    mapped += (unsigned int)n;
    pages_last = (unsigned int)n;
    *va = &mapped;
    return 0;
}

void grant_maps_unmap(void *va, const grant_handle_t *handles, size_t n)
{
    (void)va;
    (void)handles;
    mapped -= (unsigned int)n;
}

int event_port_bind_interdomain(domid_t remote, evtchn_port_t remote_port, evtchn_port_t *port)
{
    (void)remote;
    (void)remote_port;
    *port = 7;
    ports++;
    return 0;
}

void event_port_mask(evtchn_port_t port)
{
    (void)port;
}

int event_port_close(evtchn_port_t port)
{
    (void)port;
    ports--;
    return 0;
}

int vbd_serve_start(struct vbd *vbd)
{
    (void)vbd;
    started++;
    return 0;
}

void vbd_serve_stop(struct vbd *vbd)
{
    stopping[stopping_count++] = vbd;
}

/* Toolstack and guests, all with one client. */
static int no_ring(void *argument, struct store_domain *domain)
{
    (void)argument;
    (void)domain;
    return 0;
}

static void no_release(void *argument, struct store_domain *domain)
{
    (void)argument;
    (void)domain;
}

static enum domain_life lives(void *argument, uint32_t domid)
{
    (void)argument;
    (void)domid;
    return DOMAIN_LIVES;
}

static const struct store_platform platform = { no_ring, no_release, lives, NULL, NULL };
static struct xenstore *store;
static struct xs_client *client;

#define BACK  "/local/domain/0/backend/vbd/%u/51712/%s"
#define FRONT "/local/domain/%u/device/vbd/51712/%s"

static void say(const char *pattern, unsigned int domid, const char *leaf, const char *value)
{
    char path[100];

    snprintf(path, sizeof(path), pattern, domid, leaf);
    assert_int_equal(xs_write(client, XS_NO_TX, path, value, strlen(value)), 0);
}

static unsigned int back_state(unsigned int domid)
{
    char path[100];
    uint64_t state;

    snprintf(path, sizeof(path), BACK, domid, "state");
    return xs_read_number(client, XS_NO_TX, path, &state) ? 0 : (unsigned int)state;
}

static void add_disk(unsigned int domid)
{
    char frontend[60];

    snprintf(frontend, sizeof(frontend), "/local/domain/%u/device/vbd/51712", domid);
    say(BACK, domid, "frontend", frontend);
    say(BACK, domid, "params", "/dev/vda");
    say(BACK, domid, "mode", "r");
    say(BACK, domid, "online", "1");
    say(FRONT, domid, "state", "1");
    say(BACK, domid, "state", "1");
}

static void frontend_comes(unsigned int domid)
{
    say(FRONT, domid, "ring-ref", "8");
    say(FRONT, domid, "event-channel", "3");
    say(FRONT, domid, "state", "3");
}

static int setup(void **state)
{
    (void)state;
    no_memory = false;
    started = stopping_count = 0;
    store = xenstore_create(&platform, NULL);
    local_clients_start(store);
    client = xs_open();
    assert_int_equal(xs_mkdir(client, XS_NO_TX, "/local/domain/0/backend/vbd"), 0);
    assert_int_equal(block_back_start(), 0);
    backend_runs();
    return 0;
}

static void remove_disk(unsigned int domid)
{
    char path[100];

    snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u", domid);
    xs_rm(client, XS_NO_TX, path);
}

/* Ends as the disk's last answer would. */
static void disk_answers(void)
{
    while (stopping_count)
        vbd_ended(stopping[--stopping_count]);
}

static void connect_one(unsigned int domid)
{
    add_disk(domid);
    backend_runs();
    assert_int_equal(back_state(domid), 2);
    frontend_comes(domid);
    backend_runs();
    assert_int_equal(back_state(domid), 4);
}

#endif

/*
 * vmctl inside dom0's own image: its needs are calls away.  Error numbers are the hypervisor's
 * own here (newlib is built with them).
 */
#include "vmctl/platform/platform.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hypercall-abi/guest-stubs.h"
#include "libc/files.h"
#include "libc/libc.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/foreign-frames.h"
#include "pv-kernel/frames.h"
#include "tasks/console-input.h"
#include "tasks/task.h"
#include "tasks/terminal.h"
#include "vmctl/image/unpack.h"
#include "xenstore/client.h"

/* A guest's restart runs on such a task: image unpackers want some room. */
#define BACKGROUND_STACK (256u << 10)

int platform_open(void)
{
    unpack_pause = task_yield;
    return 0;
}

const char *platform_pvgrub(void)
{
    return "/boot/pvgrub.gz";
}

bool platform_makes_all_guests(void)
{
    return true;
}

long platform_hypercall(unsigned int number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                        uint64_t a5)
{
    return hypercall_raw(number, a1, a2, a3, a4, a5);
}

static unsigned int order_of(size_t bytes)
{
    unsigned int order = 0;

    while ((PAGE_SIZE << order) < bytes)
        order++;
    return order;
}

void *platform_buffer_alloc(size_t bytes)
{
    return frames_alloc(order_of(bytes));
}

void platform_buffer_free(void *buffer, size_t bytes)
{
    if (buffer)
        frames_free(buffer, order_of(bytes));
}

int platform_foreign_map(uint32_t domid, const uint64_t *gfns, size_t count, void **address)
{
    return foreign_frames_map((domid_t)domid, gfns, count, true, address);
}

void platform_foreign_unmap(void *address, size_t count)
{
    foreign_frames_unmap(address, count);
}

int platform_file_open(const char *path, struct platform_file *file)
{
    struct file_pin *pin = malloc(sizeof(*pin));
    int error = pin ? files_pin(path, pin) : -ENOMEM;

    memset(file, 0, sizeof(*file));
    if (error) {
        free(pin);
        return error;
    }
    *file = (struct platform_file){ .data = pin->data, .size = pin->size, .handle = pin };
    return 0;
}

void platform_file_close(struct platform_file *file)
{
    if (file->handle)
        files_unpin(file->handle);
    free(file->handle);
    memset(file, 0, sizeof(*file));
}

int64_t platform_now_ns(void)
{
    return (int64_t)clock_monotonic_ns();
}

int64_t platform_wall_seconds(void)
{
    return (int64_t)(clock_wall_ns() / 1000000000);
}

void platform_sleep_ns(uint64_t duration_ns)
{
    task_sleep_ns(duration_ns);
}

void platform_yield(void)
{
    task_yield();
}

int platform_background(const char *name, void (*function)(void *), void *argument)
{
    return task_spawn(name, function, argument, BACKGROUND_STACK) ? 0 : -ENOMEM;
}

int platform_aside(const char *name, void (*function)(void *), void *argument)
{
    return platform_background(name, function, argument);
}

/* The backend joins it by itself. */
int platform_vif_up(uint32_t domid, const struct vif_config *vif, char *why, size_t size)
{
    (void)domid;
    (void)vif;
    (void)why;
    (void)size;
    return 0;
}

struct platform_console {
    struct terminal_session *session;
};

/* -EAGAIN: the service has not said yet where it is. */
static int terminal_find(struct xs_client *store, uint32_t domid, struct terminal_session **session)
{
    char path[64], *name;

    snprintf(path, sizeof(path), "/local/domain/%u/console/tty", (unsigned int)domid);
    int error = xs_read(store, XS_NO_TX, path, &name, NULL);

    if (error)
        return error == -ENOENT ? -ESRCH : error;
    error = name[0] ? terminal_open(name, session) : -EAGAIN;
    free(name);
    return error;
}

int platform_console_open(uint32_t domid, struct platform_console **console)
{
    struct xs_client *store = xs_open();
    int error = -EAGAIN;

    *console = malloc(sizeof(**console));
    if (!store || !*console)
        error = -ENOMEM;
    /* The service learns of a new domain through a watch: give it its turn. */
    for (int i = 0; error == -EAGAIN && i < 100; i++) {
        error = terminal_find(store, domid, &(*console)->session);
        if (error == -EAGAIN)
            task_sleep_ns(10000000);
    }
    if (store)
        xs_close(store);
    if (error)
        free(*console);
    return error;
}

void platform_console_close(struct platform_console *console)
{
    terminal_close(console->session);
    free(console);
}

int platform_console_read(struct platform_console *console, void *buffer, size_t size,
                          size_t *length, int64_t timeout_ns)
{
    return terminal_read(console->session, buffer, size, length, timeout_ns);
}

int platform_console_write(struct platform_console *console, const void *data, size_t length,
                           size_t *written)
{
    return terminal_write(console->session, data, length, written);
}

/* The keyboard always is raw. */
int platform_keyboard_raw(bool on)
{
    if (!on)
        console_drop_input();
    return 0;
}

void platform_terminal_write(const char *data, size_t length)
{
    fflush(stdout);
    libc_terminal_raw(true);
    fwrite(data, 1, length, stdout);
    fflush(stdout);
    libc_terminal_raw(false);
}

bool platform_is_attended(void)
{
    return console_is_attended() && isatty(STDOUT_FILENO);
}

bool platform_interrupted(void)
{
    return console_take_interrupt();
}

int platform_keyboard_read(char *byte, int64_t timeout_ns)
{
    int key = timeout_ns < 0 ? console_read_char()
                             : console_read_char_until(clock_monotonic_ns() + (uint64_t)timeout_ns);

    if (key < 0)
        return -ETIMEDOUT;
    *byte = (char)key;
    return 0;
}

/* Good enough to tell guests apart; nothing secret hangs on it. */
void platform_random(void *buffer, size_t size)
{
    static uint64_t state;
    uint8_t *bytes = buffer;

    state ^= clock_wall_ns() * 0x9e3779b97f4a7c15ULL + clock_monotonic_ns();
    for (size_t i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes[i] = (uint8_t)(state >> 32);
    }
}

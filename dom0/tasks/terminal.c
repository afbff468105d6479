/*
 * Terminals.  See terminal.h.  Tasks give way only where they sleep, so nothing here needs a lock.
 */
#include "tasks/terminal.h"
#include "pv-kernel/clock.h"
#include "tasks/wait-queue.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 512u

struct terminal {
    struct terminal *next;
    char name[TERMINAL_NAME];
    unsigned int users; /* sessions, and the service until it hangs up */
    bool hung_up;
    bool fresh; /* typed since the service looked */
    void (*on_typed)(void *argument);
    void *typed_argument;
    struct wait_queue changed; /* new text, or the end */
    uint64_t printed;          /* position of the next byte */
    uint32_t typed, taken;     /* counts of bytes */
    char input[TERMINAL_TYPED];
    size_t room; /* bytes of the ring: at most TERMINAL_KEPT */
    char *kept;
};

struct terminal_session {
    struct terminal *terminal;
    uint64_t position;
};

/* Those that are not hung up. */
static struct terminal *terminals;

struct terminal *terminal_create(const char *name, void (*typed)(void *argument), void *argument)
{
    struct terminal *terminal = calloc(1, sizeof(*terminal));

    if (!terminal)
        return NULL;
    terminal->room = FIRST_ROOM;
    terminal->kept = malloc(FIRST_ROOM);
    if (!terminal->kept) {
        free(terminal);
        return NULL;
    }
    snprintf(terminal->name, sizeof(terminal->name), "%s", name);
    terminal->users = 1;
    terminal->on_typed = typed;
    terminal->typed_argument = argument;
    wait_queue_init(&terminal->changed);
    terminal->next = terminals;
    terminals = terminal;
    return terminal;
}

static void terminal_put(struct terminal *terminal)
{
    if (--terminal->users)
        return;
    free(terminal->kept);
    free(terminal);
}

/* A ring that has come round stays as it is: its bytes are in their places by its length. */
static void ring_grow(struct terminal *terminal, size_t length)
{
    size_t room = terminal->room;
    char *longer;

    if (terminal->printed > room)
        return;
    while (room < TERMINAL_KEPT && room < terminal->printed + length)
        room *= 2;
    longer = room > terminal->room ? realloc(terminal->kept, room) : NULL;
    if (longer) {
        terminal->kept = longer;
        terminal->room = room;
    }
}

void terminal_print(struct terminal *terminal, const char *text, size_t length, bool may_grow)
{
    if (may_grow)
        ring_grow(terminal, length);
    for (size_t i = 0; i < length; i++)
        terminal->kept[terminal->printed++ % terminal->room] = text[i];
    wait_queue_wake_all(&terminal->changed);
}

bool terminal_was_typed(const struct terminal *terminal)
{
    return terminal->fresh;
}

size_t terminal_take(struct terminal *terminal, char *typed, size_t size)
{
    size_t count = 0;

    terminal->fresh = false;
    while (count < size && terminal->taken != terminal->typed)
        typed[count++] = terminal->input[terminal->taken++ % TERMINAL_TYPED];
    return count;
}

void terminal_hang_up(struct terminal *terminal)
{
    struct terminal **at = &terminals;

    while (*at != terminal)
        at = &(*at)->next;
    *at = terminal->next;
    terminal->hung_up = true;
    wait_queue_wake_all(&terminal->changed);
    terminal_put(terminal);
}

int terminal_open(const char *name, struct terminal_session **session)
{
    struct terminal *terminal = terminals;

    while (terminal && strcmp(terminal->name, name) != 0)
        terminal = terminal->next;
    if (!terminal)
        return -ENOENT;
    *session = calloc(1, sizeof(**session));
    if (!*session)
        return -ENOMEM;
    terminal->users++;
    (*session)->terminal = terminal;
    return 0;
}

void terminal_close(struct terminal_session *session)
{
    terminal_put(session->terminal);
    free(session);
}

/* 0 once there is something to read, or the end. */
static int text_wait(const struct terminal_session *session, int64_t timeout_ns)
{
    struct terminal *terminal = session->terminal;
    uint64_t deadline = clock_monotonic_ns() + (timeout_ns > 0 ? (uint64_t)timeout_ns : 0);

    while (session->position == terminal->printed && !terminal->hung_up) {
        if (timeout_ns < 0)
            wait_queue_wait(&terminal->changed);
        else if (clock_monotonic_ns() >= deadline)
            return -ETIMEDOUT;
        else
            wait_queue_wait_until(&terminal->changed, deadline);
    }
    return 0;
}

int terminal_read(struct terminal_session *session, void *buffer, size_t size, size_t *length,
                  int64_t timeout_ns)
{
    struct terminal *terminal = session->terminal;
    int error = text_wait(session, timeout_ns);
    char *to = buffer;

    *length = 0;
    if (terminal->printed - session->position > terminal->room)
        session->position = terminal->printed - terminal->room;
    while (*length < size && session->position < terminal->printed)
        to[(*length)++] = terminal->kept[session->position++ % terminal->room];
    return error;
}

int terminal_write(struct terminal_session *session, const void *data, size_t length,
                   size_t *written)
{
    struct terminal *terminal = session->terminal;
    const char *from = data;

    *written = 0;
    if (terminal->hung_up)
        return -EPIPE;
    while (*written < length && terminal->typed - terminal->taken < TERMINAL_TYPED)
        terminal->input[terminal->typed++ % TERMINAL_TYPED] = from[(*written)++];
    if (*written) {
        terminal->fresh = true;
        terminal->on_typed(terminal->typed_argument);
    }
    return 0;
}

/*
 * Console input for tasks: the console's input hook wakes the queue its readers sleep on, and so
 * does who types on it from elsewhere.
 */
#include "tasks/console-input.h"
#include "tasks/task.h"
#include "tasks/wait-queue.h"
#include "pv-kernel/console.h"
#include "pv-kernel/event-ports.h"
#include <string.h>

#define KEY_INTERRUPT 3 /* Ctrl-C */
#define AHEAD_MAX     256
#define TYPED_MAX     256u /* a power of two */

static struct wait_queue readers;
/* Typed ahead: read already, by a search for Ctrl-C, but not asked for yet. */
static char ahead[AHEAD_MAX];
static unsigned int ahead_first, ahead_count;

/* From console_type, not read yet. */
static char typed[TYPED_MAX];
static unsigned int typed_in, typed_out;

static const struct task *attended;

void console_attend(void)
{
    attended = task_current();
}

bool console_is_attended(void)
{
    return attended && attended == task_current();
}

void console_type(const char *text, size_t length)
{
    bool was = events_mask_save();

    /* An interrupt makes room by what it drops. */
    if (length == 1 && *text == KEY_INTERRUPT && typed_in - typed_out == TYPED_MAX)
        typed_out = typed_in;
    if (length <= TYPED_MAX - (typed_in - typed_out))
        for (size_t i = 0; i < length; i++)
            typed[typed_in++ % TYPED_MAX] = text[i];
    wait_queue_wake_all(&readers);
    events_mask_restore(was);
}

static int take_new(void)
{
    int c = console_take();

    if (c < 0 && typed_in != typed_out)
        c = (unsigned char)typed[typed_out++ % TYPED_MAX];
    return c;
}

static int take(void)
{
    if (!ahead_count)
        return take_new();
    ahead_count--;
    return (unsigned char)ahead[ahead_first++];
}

static void input_came(void *arg)
{
    (void)arg;
    wait_queue_wake_all(&readers);
}

int console_read_char(void)
{
    bool was = events_mask_save();
    int c;

    while ((c = take()) < 0)
        wait_queue_wait(&readers);
    events_mask_restore(was);
    return c;
}

int console_read_char_until(uint64_t deadline_ns)
{
    bool was = events_mask_save();
    int c;

    while ((c = take()) < 0)
        if (wait_queue_wait_until(&readers, deadline_ns))
            break;
    events_mask_restore(was);
    return c;
}

/* What is typed beyond the room for it is lost; a Ctrl-C is not. */
bool console_take_interrupt(void)
{
    bool was = events_mask_save(), found = false;
    int c;

    memmove(ahead, ahead + ahead_first, ahead_count);
    ahead_first = 0;
    while ((c = take_new()) >= 0) {
        found |= c == KEY_INTERRUPT;
        if (c == KEY_INTERRUPT)
            ahead_count = 0;
        else if (ahead_count < AHEAD_MAX)
            ahead[ahead_count++] = (char)c;
    }
    events_mask_restore(was);
    return found;
}

void console_drop_input(void)
{
    bool was = events_mask_save();

    while (take() >= 0)
        ;
    events_mask_restore(was);
}

void console_input_start(void)
{
    console_set_input_hook(input_came, 0);
}

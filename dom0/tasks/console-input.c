/*
 * Console input for tasks: the console's input hook wakes the queue its readers sleep on.
 */
#include "tasks/console-input.h"
#include "tasks/wait-queue.h"
#include "pv-kernel/console.h"
#include "pv-kernel/event-ports.h"

static struct wait_queue readers;

static void input_came(void *arg)
{
    (void)arg;
    wait_queue_wake_all(&readers);
}

int console_read_char(void)
{
    bool was = events_mask_save();
    int c;

    while ((c = console_take()) < 0)
        wait_queue_wait(&readers);
    events_mask_restore(was);
    return c;
}

int console_read_char_until(uint64_t deadline_ns)
{
    bool was = events_mask_save();
    int c;

    while ((c = console_take()) < 0)
        if (wait_queue_wait_until(&readers, deadline_ns))
            break;
    events_mask_restore(was);
    return c;
}

void console_input_start(void)
{
    console_set_input_hook(input_came, 0);
}

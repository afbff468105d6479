/*
 * Tasks: run queue, timer list, switching.
 *
 * The run queue and the timer list are shared with event handlers (which wake tasks), so they
 * change with events masked only.  There is no idle task: the task that gives way looks for the
 * next one and, while there is none, blocks the vCPU on its own stack.
 */
#include "tasks/task.h"
#include "tasks/run-times.h"
#include "tasks/task-state.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/page-tables.h"
#include "pv-kernel/print.h"
#include "pv-kernel/string.h"

static struct task first_task;
static struct task *current = &first_task;
static struct task *all_tasks = &first_task;
static struct task *run_first, *run_last;
static struct task *timer_first; /* by deadline */
static struct task *ended;       /* to be freed by whoever runs next */
static void (*exit_hook)(struct task *task);

void task_switch_stacks(void **save, void *load);
void task_first_entry(void);
void task_first_run(void);

struct task *task_current(void)
{
    return current;
}

const char *task_name(const struct task *task)
{
    return task->name;
}

int *task_stdio(struct task *task)
{
    return task->stdio;
}

void *task_libc_area(struct task *task)
{
    return task->libc_area;
}

void tasks_set_exit_hook(void (*hook)(struct task *task))
{
    exit_hook = hook;
}

void task_make_runnable(struct task *task)
{
    task->state = TASK_RUNNABLE;
    task->queue_next = NULL;
    if (run_first)
        run_last->queue_next = task;
    else
        run_first = task;
    run_last = task;
}

void task_timer_add(struct task *task, uint64_t deadline)
{
    struct task **at = &timer_first;

    while (*at && (*at)->deadline <= deadline)
        at = &(*at)->timer_next;
    task->deadline = deadline;
    task->on_timer_list = true;
    task->timer_next = *at;
    *at = task;
}

void task_timer_remove(struct task *task)
{
    struct task **at = &timer_first;

    if (!task->on_timer_list)
        return;
    while (*at != task)
        at = &(*at)->timer_next;
    *at = task->timer_next;
    task->on_timer_list = false;
}

/* Wakes those whose time has come. */
static void timers_expire(void)
{
    uint64_t now;

    if (!timer_first)
        return;
    now = clock_monotonic_ns();
    while (timer_first && timer_first->deadline <= now) {
        struct task *task = timer_first;

        task_timer_remove(task);
        if (task->state == TASK_WAITING) {
            struct task **at = &task->queue->first, *previous = NULL;

            while (*at != task) {
                previous = *at;
                at = &(*at)->queue_next;
            }
            *at = task->queue_next;
            if (task->queue->last == task)
                task->queue->last = previous;
        }
        task->timed_out = true;
        task_make_runnable(task);
    }
}

static struct task *next_runnable(void)
{
    struct task *task;

    timers_expire();
    while (!run_first) {
        if (timer_first)
            clock_set_timer(timer_first->deadline);
        events_block();
        events_mask_save();
        timers_expire();
    }
    task = run_first;
    run_first = task->queue_next;
    return task;
}

static void free_ended(void)
{
    struct task *task = ended;

    if (!task)
        return;
    ended = NULL;
    page_tables_protect(task->stack, true);
    frames_free(task->stack, task->stack_order);
}

void task_switch_away(void)
{
    struct task *from = current, *to;

    run_times_end(from->name);
    to = next_runnable();
    run_times_begin();
    if (to == from)
        return;
    current = to;
    task_switch_stacks(&from->stack_pointer, to->stack_pointer);
    free_ended();
}

void task_first_run(void)
{
    free_ended();
    events_mask_restore(false);
    current->fn(current->arg);
    task_exit();
}

static unsigned int order_for(size_t bytes)
{
    unsigned int order = 1;

    while ((PAGE_SIZE << order) < bytes)
        order++;
    return order;
}

struct task *task_spawn(const char *name, void (*fn)(void *), void *arg, size_t stack_bytes)
{
    unsigned int order = order_for((stack_bytes ? stack_bytes : TASK_STACK_DEFAULT) + PAGE_SIZE +
                                   sizeof(struct task));
    char *stack = frames_alloc(order);
    struct task *task;
    uint64_t *top;
    bool was;

    if (!stack)
        return NULL;
    task = (struct task *)((uintptr_t)(stack + (PAGE_SIZE << order) - sizeof(*task)) & ~63UL);
    page_tables_protect(stack, false); /* below the stack: an overflow faults */
    task->stack = stack;
    task->stack_order = order;
    task->fn = fn;
    task->arg = arg;
    memcpy(task->stdio, current->stdio, sizeof(task->stdio));
    ksnprintf(task->name, sizeof(task->name), "%s", name);
    top = (uint64_t *)task - 2; /* six registers and the return address below it */
    top[-1] = (uint64_t)(uintptr_t)task_first_entry;
    task->stack_pointer = top - 7;
    was = events_mask_save();
    task->all_next = all_tasks;
    all_tasks = task;
    task_make_runnable(task);
    events_mask_restore(was);
    return task;
}

void task_exit(void)
{
    struct task **at = &all_tasks;

    if (exit_hook)
        exit_hook(current);
    events_mask_save();
    while (*at != current)
        at = &(*at)->all_next;
    *at = current->all_next;
    current->state = TASK_ENDED;
    if (current->stack)
        ended = current;
    task_switch_away();
    kernel_panic("an ended task ran");
}

void task_yield(void)
{
    bool was = events_mask_save();

    /* Let in what came meanwhile, or a busy task would keep events out. */
    events_mask_restore(false);
    events_mask_save();
    task_make_runnable(current);
    task_switch_away();
    events_mask_restore(was);
}

void task_sleep_ns(uint64_t ns)
{
    bool was = events_mask_save();

    current->state = TASK_SLEEPING;
    task_timer_add(current, clock_monotonic_ns() + ns);
    task_switch_away();
    events_mask_restore(was);
}

void task_print_all(void)
{
    static const char *const states[] = { "runnable", "waiting", "sleeping", "ended" };

    for (struct task *task = all_tasks; task; task = task->all_next)
        kprintf("%-20s %s%s\n", task->name, states[task->state], task == current ? " *" : "");
}

static void timer_event(evtchn_port_t port, void *arg)
{
    (void)port;
    (void)arg; /* having ended the block is enough: next_runnable looks at the list */
}

void tasks_start(void)
{
    evtchn_port_t port;

    for (int i = 0; i < 3; i++)
        first_task.stdio[i] = i;
    ksnprintf(first_task.name, sizeof(first_task.name), "main");
    if (event_port_bind_virq(VIRQ_TIMER, &port))
        kernel_panic("no timer");
    event_port_set_handler(port, timer_event, NULL);
    run_times_start();
}

/*
 * A fair scheduler.  `service` is the time a vCPU has been given; a queue runs its least served
 * vCPU for a slice.  A vCPU that slept long starts just below the queue's least, so that it runs
 * soon but cannot claim all the time it slept.  Whoever lost the CPU to one that woke keeps it for
 * a while when it is back: a driver domain is at once there for the first request of an idle guest,
 * and later finds many on the ring instead of coming for each.
 *
 * A CPU that goes idle keeps the state of the vCPU it ran last: mostly that one is the next.
 *
 * Lock order: vcpu.state_lock, then one run queue (two only in ascending order of CPU).
 */
#include "scheduling/scheduler.h"
#include "guest-cpu/guest-clock.h"
#include "guest-cpu/switch.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/bug.h"
#include "lib/errno.h"
#include "machine/clock.h"
#include "machine/interrupts.h"
#include "machine/remote.h"
#include "memory/heap.h"
#include "memory/hypervisor-mappings.h"
#include "scheduling/idle.h"
#include "scheduling/runstate.h"

struct run_queue {
    /* Guards the list and the sched part of every vCPU with this CPU. */
    struct spinlock lock;
    struct list waiting;  /* by service, least first */
    struct vcpu *running; /* NULL: idle */
    struct vcpu *loaded;  /* whose state is in the CPU: `running`, or who ran before it went idle */
    uint64_t least;       /* service new arrivals start from; never goes back */
    struct timer slice;
};

/* Of CPUs that there are. */
static struct run_queue *queues[MAX_CPUS];

/* entry/return.S: leaves for the guest whose registers are in the CPU's frame. */
void return_to_guest_reset(struct cpu *cpu) __attribute__((noreturn));

static void slice_over(struct timer *t maybe_unused)
{
    atomic_or(&this_cpu()->deferred, DEFERRED_SCHEDULE);
}

void scheduler_add_cpu(unsigned cpu)
{
    struct run_queue *q = queues[cpu] ? queues[cpu] : heap_allocate(sizeof(*q));

    if (!q)
        panic("no memory for a CPU's run queue");
    list_init(&q->waiting);
    q->slice.fire = slice_over;
    queues[cpu] = q;
}

/* Locks the queue a vCPU belongs to, which may change until it is locked. */
static struct run_queue *queue_lock_of(struct vcpu *v)
{
    for (;;) {
        unsigned cpu = read_once(v->sched.cpu);
        struct run_queue *q = queues[cpu];

        spin_lock(&q->lock);
        if (atomic_load(&v->sched.cpu) == cpu)
            return q;
        spin_unlock(&q->lock);
    }
}

/* From here on another queue's lock counts: the last thing done under this one's (partner:
 * queue_lock_of). */
static void hand_over(struct vcpu *v, unsigned cpu)
{
    atomic_store(&v->sched.cpu, (uint16_t)cpu);
}

static void enqueue(struct run_queue *q, struct vcpu *v)
{
    struct vcpu *other;

    list_for_each(other, &q->waiting, sched.link)
        if (other->sched.service > v->sched.service)
            break;
    list_add_before(&v->sched.link, &other->sched.link);
    write_once(v->sched.queued, true);
}

static void dequeue(struct vcpu *v)
{
    list_remove(&v->sched.link);
    write_once(v->sched.queued, false);
}

void vcpu_schedule_init(struct vcpu *v)
{
    /* Spread by number: vCPU n of a domain starts on CPU n. */
    unsigned turn = (v->id + v->domain->id) % cpu_count;

    list_init(&v->sched.link);
    cpu_set_copy(&v->sched.affinity, &cpus_online);
    v->stopped = VCPU_DOWN | VCPU_PAUSED; /* domains begin paused */
    v->runstate.state = RUNSTATE_offline;
    v->runstate.state_entry_time = clock_now();
    v->sched.cpu = (uint16_t)turn;
}

/* Service including the present turn; of a vCPU that runs.  Its CPU's clock may be a little ahead
 * of the one that `now` was read from. */
static uint64_t served(const struct vcpu *running, uint64_t now)
{
    return running->sched.service + (now > running->sched.since ? now - running->sched.since : 0);
}

/* Has the queue's CPU choose again at a time when somebody waits for it.  If the timer fires
 * meanwhile, that CPU is about to choose. */
static void choose_at(struct run_queue *q, unsigned cpu, uint64_t when)
{
    if (!read_once(q->slice.armed) || when < read_once(q->slice.when))
        timer_set(&q->slice, cpu, when);
}

/* An arrival was queued: when does its CPU look at it?  True: at once. */
static bool preempts(struct run_queue *q, struct vcpu *v)
{
    struct vcpu *running = q->running;
    uint64_t now = clock_now(), turn_end;

    if (!running)
        return true;
    turn_end = running->sched.since + SCHEDULER_SLICE_NS;
    if (v->sched.service + SCHEDULER_WAKE_BONUS_NS / 2 < served(running, now))
        turn_end = running->sched.undisturbed_until;
    if (now >= turn_end) {
        /* Whatever comes of it (the arrival may be taken away again): not so soon again. */
        running->sched.undisturbed_until = now + SCHEDULER_UNDISTURBED_NS;
        return true;
    }
    choose_at(q, v->sched.cpu, turn_end);
    return false;
}

/* An idle CPU the vCPU may use, rather than wait where it is. */
static unsigned better_cpu(struct vcpu *v, unsigned now)
{
    bool may_stay = cpu_set_has(&v->sched.affinity, now);

    if (may_stay && !read_once(queues[now]->running))
        return now;
    for_each_cpu(cpu, &v->sched.affinity)
        if (!read_once(queues[cpu]->running) && list_empty(&queues[cpu]->waiting))
            return cpu;
    return may_stay ? now : cpu_set_next(&v->sched.affinity, 0);
}

/* The least service, kept up to date while a vCPU that runs alone is not asked to stop. */
static uint64_t least_now(struct run_queue *q)
{
    if (q->running && list_empty(&q->waiting))
        q->least = max(q->least, served(q->running, clock_now()));
    return q->least;
}

/*
 * Queues count service each from a base of its own: what a vCPU takes along from one to another,
 * or from before it slept, is how far it is ahead or behind, and of that only a little.
 */
static void service_place(struct run_queue *q, struct vcpu *v, int64_t lag)
{
    int64_t place;

    lag = max(lag, -(int64_t)SCHEDULER_WAKE_BONUS_NS);
    lag = min(lag, (int64_t)SCHEDULER_SLICE_NS);
    place = (int64_t)least_now(q) + lag;
    v->sched.service = place > 0 ? (uint64_t)place : 0;
}

static bool in_line(const struct run_queue *q, const struct vcpu *v)
{
    return v->sched.queued || q->running == v;
}

/* Takes a vCPU that is about to be queued to a CPU that has time for it.  Its queue is locked, the
 * queue returned is; NULL, and none, if somebody else queued it meanwhile. */
static struct run_queue *move_to_better(struct run_queue *q, struct vcpu *v)
{
    unsigned target = better_cpu(v, v->sched.cpu);

    if (target == v->sched.cpu)
        return q;
    hand_over(v, target);
    spin_unlock(&q->lock);
    q = queue_lock_of(v);
    if (!in_line(q, v))
        return q;
    spin_unlock(&q->lock);
    return NULL;
}

/* Queues a runnable vCPU.  Its state lock is held. */
static void make_runnable(struct vcpu *v)
{
    struct run_queue *q = queue_lock_of(v);
    int64_t lag = (int64_t)(v->sched.service - least_now(q));
    unsigned cpu;
    bool now;

    if (in_line(q, v)) {
        spin_unlock(&q->lock);
        return;
    }
    /* Where its state is loaded, it goes on; if it may not be there any more, it is sent away first
     * (requeue_if_moved). */
    if (v->sched.loaded && !cpu_set_has(&v->sched.affinity, v->sched.cpu)) {
        cpu = v->sched.cpu;
        spin_unlock(&q->lock);
        cpu_defer(cpu, DEFERRED_SCHEDULE);
        return;
    }
    if (!v->sched.loaded && !(q = move_to_better(q, v)))
        return;
    service_place(q, v, lag);
    runstate_enter(v, RUNSTATE_runnable, clock_now());
    v->sched.preempted = false;
    enqueue(q, v);
    now = preempts(q, v);
    cpu = v->sched.cpu;
    spin_unlock(&q->lock);
    if (now)
        cpu_defer(cpu, DEFERRED_SCHEDULE);
}

static int stopped_runstate(uint32_t stopped)
{
    return stopped & ~VCPU_BLOCKED ? RUNSTATE_offline : RUNSTATE_blocked;
}

/* Takes a vCPU that may not run off its queue, or tells its CPU.  Its state lock is held. */
static void make_stopped(struct vcpu *v)
{
    struct run_queue *q = queue_lock_of(v);
    bool loaded = v->sched.loaded;
    unsigned cpu = v->sched.cpu;

    if (v->sched.queued)
        dequeue(v);
    if (q->running != v)
        runstate_enter(v, stopped_runstate(v->stopped), clock_now());
    spin_unlock(&q->lock);
    if (loaded)
        cpu_defer(cpu, DEFERRED_SCHEDULE);
}

void vcpu_stop(struct vcpu *v, uint32_t why)
{
    spin_lock(&v->state_lock);
    write_once(v->stopped, v->stopped | why);
    make_stopped(v);
    spin_unlock(&v->state_lock);
}

void vcpu_start(struct vcpu *v, uint32_t why)
{
    spin_lock(&v->state_lock);
    write_once(v->stopped, v->stopped & ~why);
    if (!v->stopped)
        make_runnable(v);
    else if (v->stopped == VCPU_BLOCKED)
        make_stopped(v); /* what is left is its own wish to sleep */
    spin_unlock(&v->state_lock);
}

void vcpu_wake(struct vcpu *v)
{
    if (read_once(v->stopped) & VCPU_BLOCKED)
        vcpu_start(v, VCPU_BLOCKED);
}

void vcpu_block(struct vcpu *v)
{
    spin_lock(&v->state_lock);
    write_once(v->stopped, v->stopped | VCPU_BLOCKED);
    /* Whoever set the pending flag after this line sees us blocked and wakes us. */
    memory_barrier();
    if (read_once(v->info->evtchn_upcall_pending) && !v->info->evtchn_upcall_mask)
        write_once(v->stopped, v->stopped & ~VCPU_BLOCKED);
    spin_unlock(&v->state_lock);
    atomic_or(&this_cpu()->deferred, DEFERRED_SCHEDULE);
}

void vcpu_wait_stopped(struct vcpu *v)
{
    while (atomic_load(&v->sched.loaded))
        cpu_wait_step();
}

void vcpu_kick(struct vcpu *v)
{
    unsigned cpu = read_once(v->sched.cpu);

    if (v != current_vcpu() && read_once(queues[cpu]->running) == v)
        remote_kick(cpu);
}

void vcpu_nmi(struct vcpu *v)
{
    unsigned cpu;

    /* Set before it is looked where it runs; partner: enter_guest looks after set_running. */
    if (atomic_exchange(&v->nmi_pending, 1))
        return;
    vcpu_wake(v);
    cpu = read_once(v->sched.cpu);
    if (read_once(queues[cpu]->running) == v)
        cpu_defer(cpu, DEFERRED_FINISH);
}

void scheduler_yield(void)
{
    struct vcpu *v = current_vcpu();
    struct run_queue *q = queue_lock_of(v);
    struct vcpu *next;

    /* Behind whoever waits here. */
    if (!list_empty(&q->waiting)) {
        next = list_entry(q->waiting.next, struct vcpu, sched.link);
        v->sched.service = max(v->sched.service, next->sched.service + 1);
    }
    spin_unlock(&q->lock);
    atomic_or(&this_cpu()->deferred, DEFERRED_SCHEDULE);
}

int vcpu_set_affinity(struct vcpu *v, const struct cpu_set *cpus)
{
    struct cpu_set wanted;
    struct run_queue *q;
    bool move;

    cpu_set_copy(&wanted, cpus);
    cpu_set_intersect(&wanted, &cpus_online);
    if (cpu_set_is_empty(&wanted))
        return -EINVAL;
    spin_lock(&v->state_lock);
    q = queue_lock_of(v);
    cpu_set_copy(&v->sched.affinity, &wanted);
    move = !cpu_set_has(&wanted, v->sched.cpu);
    if (move && v->sched.queued)
        dequeue(v);
    spin_unlock(&q->lock);
    if (move && !v->stopped && !read_once(v->sched.loaded))
        make_runnable(v);
    spin_unlock(&v->state_lock);
    if (move && read_once(v->sched.loaded))
        cpu_defer(read_once(v->sched.cpu), DEFERRED_SCHEDULE);
    return 0;
}

void vcpu_affinity(struct vcpu *v, struct cpu_set *cpus)
{
    struct run_queue *q = queue_lock_of(v);

    cpu_set_copy(cpus, &v->sched.affinity);
    spin_unlock(&q->lock);
}

/* Takes the least served vCPU that waits on another CPU, may run here and is not loaded there.
 * q's lock is held. */
static struct vcpu *steal_from(struct run_queue *other, struct run_queue *q, unsigned me)
{
    struct vcpu *v;

    list_for_each(v, &other->waiting, sched.link)
        if (cpu_set_has(&v->sched.affinity, me) && !v->sched.loaded) {
            dequeue(v);
            service_place(q, v, (int64_t)(v->sched.service - other->least));
            hand_over(v, me);
            return v;
        }
    return NULL;
}

static struct vcpu *steal(struct run_queue *q, unsigned me)
{
    struct vcpu *found = NULL;

    for_each_cpu(cpu, &cpus_online) {
        struct run_queue *other = queues[cpu];

        if (cpu == me || list_empty(&other->waiting) || !spin_trylock(&other->lock))
            continue;
        found = steal_from(other, q, me);
        spin_unlock(&other->lock);
        if (found)
            break;
    }
    return found;
}

/* Books the running vCPU's time and puts it back in line if it may go on. */
static void put_back(struct run_queue *q, struct vcpu *v, uint64_t now)
{
    unsigned me = this_cpu()->id;
    uint32_t stopped = read_once(v->stopped); /* who changes it now waits for q's lock */

    v->sched.service += now - v->sched.since;
    v->sched.since = now;
    if (stopped) {
        runstate_enter(v, stopped_runstate(stopped), now);
        return;
    }
    if (cpu_set_has(&v->sched.affinity, me)) {
        v->sched.preempted = true;
        runstate_enter(v, RUNSTATE_runnable, now);
        enqueue(q, v);
    }
}

static struct vcpu *choose(struct run_queue *q)
{
    struct vcpu *v;

    if (list_empty(&q->waiting))
        return steal(q, this_cpu()->id);
    v = list_entry(q->waiting.next, struct vcpu, sched.link);
    dequeue(v);
    return v;
}

/* A vCPU that was pushed off a CPU it may no longer use finds a new one. */
static void requeue_if_moved(struct vcpu *v)
{
    spin_lock(&v->state_lock);
    if (!v->stopped)
        make_runnable(v);
    spin_unlock(&v->state_lock);
}

/* Nothing of the vCPU's translations is left on this CPU. */
static void forget_root(struct vcpu *v, const struct vcpu *next)
{
    if (!next || next->domain != v->domain)
        cpu_set_remove_atomic(&v->domain->frames.cpus, this_cpu()->id);
}

/* The loaded vCPU's state goes back into its structure; q's lock is held. */
static void unload(struct run_queue *q, struct vcpu *next)
{
    struct cpu *cpu = this_cpu();
    struct vcpu *old = q->loaded;

    if (old)
        vcpu_save(old);
    cpu->vcpu = NULL;
    if (next)
        vcpu_load_root(next);
    else
        root_load(idle_root());
    q->loaded = next;
    if (!old)
        return;
    forget_root(old, next);
    atomic_store(&old->sched.loaded, false);
    if (!cpu_set_has(&old->sched.affinity, cpu->id))
        hand_over(old, cpu_set_next(&old->sched.affinity, 0));
}

static __attribute__((noreturn)) void go_idle(void)
{
    this_cpu()->vcpu = NULL;
    idle_loop_reset(this_cpu());
}

/* All of v's state is in the CPU. */
static __attribute__((noreturn)) void enter_guest(struct vcpu *v)
{
    struct cpu *cpu = this_cpu();

    cpu->vcpu = v;
    if (cpu->idle_since) {
        cpu->idle_ns += clock_now() - cpu->idle_since;
        cpu->idle_since = 0;
    }
    if (unlikely(v->info->time.tsc_to_system_mul != clock_scale.mul))
        guest_clock_update(v); /* a builder clears the page the clock lies in */
    if (unlikely(v->time_area_due))
        guest_clock_update(v); /* another vCPU registered it */
    runstate_publish(v);
    if (unlikely(read_once(v->domain->shutdown_code) != SHUTDOWN_CODE_INVALID) ||
        unlikely(read_once(v->nmi_pending)))
        atomic_or(&cpu->deferred, DEFERRED_FINISH); /* it came while it was not running */
    return_to_guest_reset(cpu);
}

static __attribute__((noreturn)) void switch_to(struct run_queue *q, struct vcpu *next)
{
    struct vcpu *old = q->loaded;
    struct domain *d = old ? old->domain : NULL;

    if (d)
        atomic_add(&d->references, 1); /* once unloaded it may be destroyed at any moment */
    unload(q, next);
    spin_unlock(&q->lock);
    if (old && !read_once(old->sched.queued) && !read_once(old->stopped))
        requeue_if_moved(old);
    if (d)
        domain_put(d);
    if (!next)
        go_idle();
    vcpu_load(next);
    enter_guest(next);
}

/* Whether what is loaded has to go before `next`, or the idle loop, may run. */
static bool must_switch(const struct vcpu *loaded, const struct vcpu *next)
{
    if (next || !loaded)
        return next != loaded;
    return read_once(loaded->stopped) != VCPU_BLOCKED ||
           !cpu_set_has(&loaded->sched.affinity, this_cpu()->id);
}

static void set_running(struct run_queue *q, struct vcpu *next, uint64_t now)
{
    struct vcpu *old = q->running;

    /* Before what enter_guest and return_to_guest look at: whoever sets that looks here after it,
     * and one of us sees the other. */
    atomic_exchange(&q->running, next);
    timer_stop(&q->slice);
    if (!next)
        return;
    if (next != old)
        next->sched.undisturbed_until = next->sched.preempted ? now + SCHEDULER_UNDISTURBED_NS : 0;
    write_once(next->sched.loaded, true);
    next->sched.since = now;
    q->least = max(q->least, next->sched.service);
    runstate_enter(next, RUNSTATE_running, now);
    if (!list_empty(&q->waiting))
        choose_at(q, this_cpu()->id, now + SCHEDULER_SLICE_NS);
}

void schedule(void)
{
    struct cpu *cpu = this_cpu();
    struct run_queue *q = queues[cpu->id];
    struct vcpu *old = cpu->vcpu, *next;
    uint64_t now = clock_now();

    spin_lock(&q->lock);
    if (old)
        put_back(q, old, now);
    next = choose(q);
    set_running(q, next, now);
    if (must_switch(q->loaded, next))
        switch_to(q, next);
    spin_unlock(&q->lock);
    if (next == old)
        return;
    if (!next)
        go_idle();
    if (cpu->root != vcpu_root(next))
        vcpu_load_root(next); /* idle_disturbed() took it away */
    enter_guest(next);
}

void idle_disturbed(void)
{
    struct run_queue *q = queues[this_cpu()->id];

    if (!q->loaded || this_cpu()->root == idle_root())
        return;
    root_load(idle_root());
    forget_root(q->loaded, NULL);
}

void scheduler_start_cpu(void)
{
    this_cpu()->vcpu = NULL;
    idle_loop_reset(this_cpu());
}

void vcpu_runstate(struct vcpu *v, struct vcpu_runstate_info *out)
{
    struct run_queue *q = queue_lock_of(v);

    runstate_get(v, out);
    spin_unlock(&q->lock);
}

uint64_t vcpu_run_time(struct vcpu *v)
{
    struct vcpu_runstate_info r;

    vcpu_runstate(v, &r);
    return r.time[RUNSTATE_running];
}

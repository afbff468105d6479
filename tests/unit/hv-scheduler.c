/*
 * The scheduler with a thread for each CPU, under ThreadSanitizer: vCPUs that block, wake each
 * other, yield, go down and move, and some that pause others.  None runs on two CPUs, or before its
 * state is there; a paused one has stopped when vcpu_wait_stopped returns; no wake is lost.
 *
 * Sources: tests/model/threads.c tests/model/reports.c tests/model/common.c tests/model/tlb.c
 * hypervisor/memory/frame-allocator.c hypervisor/memory/heap.c hypervisor/machine/tlb-clock.c
 * hypervisor/machine/timer.c hypervisor/domain/domain.c hypervisor/events/delivery.c
 * hypervisor/events/fifo-queues.c hypervisor/scheduling/scheduler.c
 * hypervisor/scheduling/runstate.c hypervisor/scheduling/deferred-work.c
 * hypervisor/scheduling/disturbance.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -DHOST_MODEL --param tsan-distinguish-volatile=1 -Wno-tsan
 * Sanitize: thread
 * Libraries: -Wl,--wrap=frames_allocate -Wl,--wrap=heap_free
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "domain/guest-memory.h"
#include "events/delivery.h"
#include "events/port.h"
#include "guest-cpu/guest-clock.h"
#include "guest-cpu/switch.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "machine/clock.h"
#include "machine/interrupts.h"
#include "machine/lapic.h"
#include "machine/remote.h"
#include "machine/screen.h"
#include "memory/hypervisor-mappings.h"
#include "model/model.h"
#include "model/reports.h"
#include "scheduling/deferred-work.h"
#include "scheduling/disturbance.h"
#include "scheduling/idle.h"
#include "scheduling/runstate.h"
#include "model/cpu-sets.h"
#include "scheduling/scheduler.h"

/* What `make test` runs; MODEL_STEPS in the environment replaces it. */
#define STEPS         3000000UL
#define STEPS_AT_ONCE 200000UL
#define VCPUS         9
#define PAUSERS       2 /* the first ones pause others, and are not paused themselves */
#define TICK_NS       20000

struct clock_scale clock_scale;

static struct domain domain = { .id = 1, .references = 1, .max_vcpus = VCPUS };
static struct vcpu vcpus[VCPUS];
static struct vcpu_info infos[VCPUS];
static struct event_ports ports;

struct port *port_find_locked(struct event_ports *of, evtchn_port_t number)
{
    (void)of, (void)number;
    return NULL; /* only the other format needs them */
}

/* What the test knows of a vCPU. */
static struct life {
    uint32_t loaded_on, running_on; /* a CPU's number + 1, or 0; atomic */
    uint32_t held;                  /* by one that pauses it; atomic */
    uint64_t work;                  /* belongs to the CPU that runs it, or to who has paused it */
    uint64_t runs;
} lives[VCPUS];

static jmp_buf top[MODEL_CPUS];               /* of each CPU's stack */
static uint64_t programmed[MODEL_CPUS];       /* its APIC's timer */
static uint64_t pauses, blocks, downs, moves; /* atomic */
static bool quiet;                            /* every vCPU waits, with nothing to wait for */

static struct life *life_of(const struct vcpu *v)
{
    return &lives[v->id];
}

static void count(uint64_t *what)
{
    __atomic_fetch_add(what, 1, __ATOMIC_RELAXED);
}

/* The layers left out */

void return_to_guest_reset(struct cpu *cpu) __attribute__((noreturn));
void return_to_guest_reset(struct cpu *cpu)
{
    longjmp(top[cpu->id], 1);
}

void idle_loop_reset(struct cpu *cpu)
{
    longjmp(top[cpu->id], 1);
}

uint64_t idle_root(void)
{
    return PAGE_SIZE;
}

uint64_t vcpu_root(const struct vcpu *v)
{
    return (2UL + v->id) << PAGE_SHIFT;
}

void vcpu_load_root(struct vcpu *v)
{
    cpu_set_add_atomic(&v->domain->frames.cpus, this_cpu()->id);
    root_load(vcpu_root(v));
}

void vcpu_load(struct vcpu *v)
{
    uint32_t was =
        __atomic_exchange_n(&life_of(v)->loaded_on, this_cpu()->id + 1, __ATOMIC_RELAXED);

    if (was)
        model_fail("vCPU %u is loaded while CPU %u has it", v->id, was - 1);
}

void vcpu_save(struct vcpu *v)
{
    uint32_t was = __atomic_exchange_n(&life_of(v)->loaded_on, 0, __ATOMIC_RELAXED);

    if (was != this_cpu()->id + 1)
        model_fail("vCPU %u is saved where it was not", v->id);
}

void guest_clock_update(struct vcpu *v)
{
    (void)v;
}

int guest_write(guest_handle_t to, const void *from, size_t bytes)
{
    (void)to;
    (void)from;
    (void)bytes;
    return -EFAULT;
}

void remote_kick(unsigned cpu)
{
    (void)cpu; /* a CPU here looks at its marks all the time */
}

bool screen_draw(bool (*enough)(void))
{
    (void)enough;
    return false;
}

void machine_check_tell(void)
{
}

const char *nmi_cause(void)
{
    return "";
}
void cpu_stay_parked(void)
{
}

void lapic_timer_set(uint64_t when_ns)
{
    programmed[this_cpu()->id] = when_ns;
}

void lapic_eoi(void)
{
}

void interrupt_set_handler(unsigned vector, void (*handler)(unsigned vector))
{
    (void)vector;
    (void)handler;
}

/* What vCPUs do */

/* As the control domain does before it reads or writes a vCPU's state. */
static void pause_another(void)
{
    struct vcpu *v = &vcpus[PAUSERS + rnd(VCPUS - PAUSERS)];
    struct life *l = life_of(v);

    if (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE))
        return;
    vcpu_stop(v, VCPU_PAUSED);
    vcpu_wait_stopped(v);
    for (unsigned i = rnd(30); i; i--) {
        if (__atomic_load_n(&l->running_on, __ATOMIC_RELAXED) ||
            __atomic_load_n(&l->loaded_on, __ATOMIC_RELAXED))
            model_fail("vCPU %u runs though it is paused", v->id);
        l->work++;
        cpu_wait_step();
    }
    vcpu_start(v, VCPU_PAUSED);
    __atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
    count(&pauses);
}

static void move_another(void)
{
    uint64_t to = rnd(3) ? rnd(BIT(MODEL_CPUS)) : UINT64_MAX;

    if (!vcpu_set_affinity(&vcpus[rnd(VCPUS)], SET_OF(to)))
        count(&moves);
}

static void block(struct vcpu *v)
{
    vcpu_block(v);
    count(&blocks);
}

static void go_down(struct vcpu *v)
{
    vcpu_stop(v, VCPU_DOWN);
    count(&downs);
}

/* It has to wait for what it did to others. */
static void disturb(void)
{
    this_cpu()->disturbed += 1 + rnd(10);
    atomic_or(&this_cpu()->deferred, DEFERRED_CHARGE);
}

static void operate(struct vcpu *v)
{
    struct vcpu *other = &vcpus[rnd(VCPUS)];

    switch (rnd(16)) {
    case 0:
        return move_another();
    case 1:
        return scheduler_yield();
    case 2:
        return rnd(8) ? vcpu_kick(other) : disturb();
    case 3:
        return v->id < PAUSERS ? pause_another() : vcpu_start(other, VCPU_DOWN);
    case 4:
        return v->id < PAUSERS ? vcpu_start(other, VCPU_DOWN) : rnd(4) ? (void)0 : go_down(v);
    case 5:
        if (vcpu_run_time(other) > clock_now())
            model_fail("vCPU %u has run longer than there was time", other->id);
        return;
    case 6:
    case 7:
    case 8:
    case 9:
        return block(v);
    case 10:
    case 11:
    case 12:
        return vcpu_notify(other);
    default:
        model_tick(rnd(TICK_NS));
    }
}

/* A guest on this CPU, until there is something to do on the way out. */
static void guest_runs(struct vcpu *v)
{
    struct life *l = life_of(v);
    struct cpu *cpu = this_cpu();

    if (__atomic_exchange_n(&l->running_on, cpu->id + 1, __ATOMIC_RELAXED) ||
        __atomic_load_n(&l->loaded_on, __ATOMIC_RELAXED) != cpu->id + 1 ||
        cpu->root != vcpu_root(v))
        model_fail("vCPU %u runs twice, or without its state", v->id);
    l->work++;
    l->runs++;
    do {
        model_tick(100);
        __atomic_store_n(&v->info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
        if (model_stopping())
            block(v);
        else
            operate(v);
    } while (!read_once(cpu->deferred));
    l->work++;
    __atomic_store_n(&l->running_on, 0, __ATOMIC_RELAXED);
}

/* At the end nobody sends any more, so what waits stays so. */
static bool all_wait(void)
{
    bool yes = true;

    for (unsigned i = 0; i < VCPUS; i++) {
        uint32_t stopped = __atomic_load_n(&vcpus[i].stopped, __ATOMIC_SEQ_CST);

        if (stopped & VCPU_DOWN)
            vcpu_start(&vcpus[i], VCPU_DOWN);
        if (stopped != VCPU_BLOCKED || __atomic_load_n(&lives[i].running_on, __ATOMIC_SEQ_CST) ||
            __atomic_load_n(&infos[i].evtchn_upcall_pending, __ATOMIC_SEQ_CST))
            yes = false;
    }
    return yes;
}

/* Devices interrupt now and then. */
static void idle(void)
{
    if (!rnd(100))
        idle_disturbed();
    if (!model_stopping() && !rnd(8))
        vcpu_notify(&vcpus[rnd(VCPUS)]);
    model_tick(rnd(TICK_NS));
    if (this_cpu()->id == 0 && model_stopping() && all_wait())
        __atomic_store_n(&quiet, true, __ATOMIC_RELAXED);
    cpu_wait_step();
}

static void cpu_runs(void)
{
    setjmp(top[this_cpu()->id]); /* the scheduler comes back here with another choice */
    while (!__atomic_load_n(&quiet, __ATOMIC_RELAXED)) {
        uint64_t when = programmed[this_cpu()->id];

        model_interrupts();
        if (this_cpu()->vcpu)
            guest_runs(this_cpu()->vcpu);
        else
            idle();
        if (when && clock_now() >= when)
            atomic_or(&this_cpu()->deferred, DEFERRED_TIMERS);
        deferred_work_run();
    }
}

static void vcpus_make(void)
{
    domain.ports = &ports;
    domain.shutdown_code = SHUTDOWN_CODE_INVALID;
    for (unsigned i = 0; i < MODEL_CPUS; i++)
        scheduler_add_cpu(i);
    for (unsigned i = 0; i < VCPUS; i++) {
        vcpus[i].id = i;
        vcpus[i].domain = &domain;
        vcpus[i].info = &infos[i];
        domain.vcpus[i] = &vcpus[i];
        vcpu_schedule_init(&vcpus[i]);
        disturbance_init(&vcpus[i]);
        vcpu_start(&vcpus[i], VCPU_DOWN | VCPU_PAUSED);
    }
}

static void a_vcpu_runs_on_one_cpu_and_no_wake_is_lost(void **state)
{
    const char *steps = getenv("MODEL_STEPS");
    uint64_t end = steps ? strtoul(steps, NULL, 0) : STEPS;

    (void)state;
    model_memory_up();
    model_seed(1);
    vcpus_make();
    while (model_steps < end) {
        for (unsigned i = 0; i < VCPUS; i++)
            vcpu_notify(&vcpus[i]);
        quiet = false;
        for (unsigned cpu = 0; cpu < MODEL_CPUS; cpu++)
            model_start(cpu, cpu_runs);
        model_run(STEPS_AT_ONCE);
    }
    fprintf(stderr, "model: %lu steps, %lu pauses, %lu blocks, %lu downs, %lu moves\n", model_steps,
            pauses, blocks, downs, moves);
    for (unsigned i = 0; i < VCPUS; i++)
        fprintf(stderr, "model: vCPU %u was entered %lu times\n", i, lives[i].runs);
    assert_int_equal(reports_count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vcpu_runs_on_one_cpu_and_no_wake_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

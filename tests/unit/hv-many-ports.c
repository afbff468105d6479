/*
 * Event channels beyond the 4096 of the 2-level format: numbers that need more than 16 bits, and
 * work that grows with what a guest wrote into its words.  None of it takes long in one go.
 *
 * Sources: tests/model/machine.c tests/model/common.c tests/model/tlb.c tests/model/stubs.c
 * hypervisor/domain/guest-memory.c
 * hypervisor/memory/frame-allocator.c hypervisor/memory/frame-owner.c
 * hypervisor/memory/frame-references.c hypervisor/memory/heap.c hypervisor/machine/tlb-clock.c
 * hypervisor/machine/timer.c hypervisor/domain/domain.c hypervisor/guest-cpu/descriptors.c
 * hypervisor/events/binding.c hypervisor/events/delivery.c hypervisor/events/fifo.c
 * hypervisor/events/fifo-queues.c hypervisor/events/port-table.c
 * hypervisor/guest-paging/entry-references.c hypervisor/guest-paging/update.c
 * hypervisor/guest-paging/walk.c hypervisor/guest-paging/pin.c
 * hypervisor/guest-paging/base-pointer.c hypervisor/guest-paging/audit.c
 * hypervisor/guest-paging/mirrors.c hypervisor/guest-paging/mirror-fault.c
 * hypervisor/guest-paging/write-log.c
 * hypervisor/guest-paging/direct-mode.c
 * hypervisor/grants/claim.c hypervisor/grants/copy.c hypervisor/grants/grant-table.c
 * hypervisor/grants/map.c hypervisor/lifecycle/audit.c hypervisor/lifecycle/create.c
 * hypervisor/lifecycle/destroy.c hypervisor/lifecycle/parts.c hypervisor/lifecycle/vcpu-parts.c
 * hypervisor/scheduling/disturbance.c
 * hypervisor/hypercalls/dispatch.c hypervisor/hypercalls/mmu.c
 * hypervisor/hypercalls/scheduling.c hypervisor/hypercalls/memory.c
 * hypervisor/hypercalls/target.c hypervisor/hypercalls/domain-control.c
 * hypervisor/hypercalls/information.c hypervisor/hypercalls/console.c
 * hypervisor/hypercalls/dirty-log.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -DHOST_MODEL
 * Libraries: -Wl,--wrap=frame_type_claim -Wl,--wrap=frames_allocate -Wl,--wrap=heap_free
 * -Wl,--wrap=virq_raise -Wl,--wrap=tlb_flush_cpus -Wl,--wrap=preempt_point
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "events/binding.h"
#include "events/delivery.h"
#include "events/fifo.h"
#include "events/port.h"
#include "lib/errno.h"
#include "unit/fake-machine.h"
#include "unit/fake-control.h"
#include "unit/sides.h"

#define PORTS  131072U
#define WORDS  ((uint32_t)(PAGE_SIZE / 4))
#define LINKED (1U << EVTCHN_FIFO_LINKED)

static struct domain *d;
static mfn_t words[PORTS / WORDS];
static unsigned word_pages;

void __real_virq_raise(struct vcpu *v, uint32_t virq);

static mfn_t page(void)
{
    mfn_t m;

    assert_int_equal(frame_owner_allocate(&d->frames, 0, 0, &m), 0);
    memset(frame_virt(m), 0, PAGE_SIZE);
    return m;
}

static void make(unsigned vcpus, uint32_t ports)
{
    struct xen_domctl_createdomain config = { .max_vcpus = vcpus, .max_evtchn_port = ports };
    domid_t id;

    assert_int_equal(domain_id_choose(&id), 0);
    assert_int_equal(domain_create(id, &config, false, &d), 0);
    assert_ptr_equal(domain_get(id), d);
    d->frames.limit = 300;
    this_cpu()->vcpu = d->vcpus[0];
    word_pages = 0;
}

/* Until it is through; how often it was interrupted. */
static unsigned close_all(bool dying, int result)
{
    unsigned restarts = 0;
    int r;

    while ((r = ports_close_all(d, dying)) == -ERESTART)
        assert_true(++restarts < PORTS);
    assert_int_equal(r, result);
    return restarts;
}

static void end(void)
{
    uint64_t frames, differences;
    int r;

    assert_int_equal(domain_audit(d, &frames, &differences), 0);
    assert_int_equal(differences, 0);
    this_cpu()->vcpu = b.v;
    do {
        r = domain_destroy(d);
    } while (r == -ERESTART);
    assert_int_equal(r, 0);
    domain_put(d);
}

static void fifo(unsigned pages)
{
    if (!d->ports->fifo)
        assert_int_equal(fifo_control_block(d, 0, page().n, 0), 0);
    while (word_pages < pages) {
        words[word_pages] = page();
        assert_int_equal(fifo_expand(d, words[word_pages++].n), 0);
    }
}

static uint32_t *word(evtchn_port_t n)
{
    return (uint32_t *)frame_virt(words[n / WORDS]) + n % WORDS;
}

/* What the guest says of its words: a port whose word is on a queue is not given out. */
static void link_below(uint32_t limit, uint32_t value)
{
    for (uint32_t n = 1; n < limit; n++)
        *word(n) = value;
}

static unsigned bind(evtchn_port_t *number, int result)
{
    unsigned restarts = 0;
    int r;

    while ((r = port_bind_virq(d, VIRQ_TIMER, 0, number)) == -ERESTART)
        assert_true(++restarts < PORTS);
    assert_int_equal(r, result);
    return restarts;
}

static void numbers_have_all_their_bits(void **state)
{
    evtchn_port_t number;

    (void)state;
    make(2, PORTS - 1);
    fifo(PORTS / WORDS);
    link_below(70000, LINKED);
    bind(&number, 0);
    assert_int_equal(number, 70000);
    __real_virq_raise(d->vcpus[0], VIRQ_TIMER);
    assert_true(port_is_pending(d, number));
    assert_int_equal(port_close(d, number), 0);
    assert_int_equal(d->vcpus[0]->virq_port[VIRQ_TIMER], 0);
    bind(&number, 0);
    link_below(70000, 0);
    close_all(false, 0);
    assert_int_equal(d->ports->limit, 4096);
    assert_int_equal(d->vcpus[0]->virq_port[VIRQ_TIMER], 0);
    __real_virq_raise(d->vcpus[0], VIRQ_TIMER);
    end();
}

static void a_search_is_cut_into_pieces(void **state)
{
    evtchn_port_t number;

    (void)state;
    make(2, PORTS - 1);
    fifo(PORTS / WORDS);
    link_below(PORTS, LINKED);
    assert_true(bind(&number, -ENOSPC) >= PORTS / 1024 - 2);
    assert_true(bind(&number, -ENOSPC) >= PORTS / 1024 - 2); /* and anew */
    *word(PORTS - 5) = 0;
    assert_true(bind(&number, 0) >= PORTS / 1024 - 2);
    assert_int_equal(number, PORTS - 5);
    end();
}

static void a_reset_is_cut_into_pieces(void **state)
{
    unsigned calls = 0;
    evtchn_port_t number;
    int r;

    (void)state;
    make(2, PORTS - 1);
    fifo(PORTS / WORDS);
    link_below(PORTS, LINKED);
    bind(&number, -ENOSPC); /* all records are there */
    *word(9) = 0;
    bind(&number, 0);
    /* At each place where it may: it goes on where it was. */
    do {
        interrupt_in = 1;
        r = ports_close_all(d, false);
        assert_true(++calls <= PORTS / 256 + 10);
    } while (r == -ERESTART);
    interrupt_in = 0;
    assert_int_equal(r, 0);
    assert_true(calls >= PORTS / 256);
    assert_int_equal(d->ports->used, 0);
    assert_int_equal(d->ports->closing, 1);
    end();
}

/* What a reset has passed may be bound again by another vCPU; nothing escapes the domain's end. */
static void an_end_closes_what_an_interrupted_reset_passed(void **state)
{
    evtchn_port_t number;

    (void)state;
    make(2, 4095);
    for (unsigned i = 0; i < 600; i++)
        assert_int_equal(port_bind_ipi(d, 0, &number), 0);
    interrupt_in = 300;
    assert_int_equal(ports_close_all(d, false), -ERESTART);
    interrupt_in = 0;
    assert_int_equal(port_bind_ipi(d, 0, &number), 0);
    assert_int_equal(number, 1);
    close_all(true, 0);
    assert_int_equal(d->ports->used, 0);
    end();
}

static void a_limit_that_went_is_looked_at_again(void **state)
{
    evtchn_port_t n = (4096 + 40 - 2048) * 8; /* in the frame behind shared_info */
    uint8_t *behind, old;

    (void)state;
    make(2, PORTS - 1);
    fifo(n / WORDS + 1);
    assert_true(n < d->ports->limit);
    close_all(false, 0);
    behind = (uint8_t *)d->shared_info + 4096 + 40;
    old = *behind;
    *behind = 0xff;
    assert_false(port_is_pending(d, n));
    *behind = old;
    end();
}

/* Events that came before there was a word for them; and each polling vCPU is woken once. */
static void what_waited_for_words_is_delivered(void **state)
{
    unsigned count = 0, pending = 0;
    evtchn_port_t number;

    (void)state;
    make(100, 1023);
    fifo(0);
    while (!port_bind_ipi(d, 0, &number)) {
        assert_int_equal(port_send(d, number), 0);
        count++;
    }
    for (unsigned i = 1; i < 100; i++) {
        d->vcpus[i]->stopped |= VCPU_BLOCKED;
        d->vcpus[i]->poll_port = i == 99 ? 5000 : i % 2 ? POLL_SEVERAL : i;
        bit_test_and_set_atomic(d->ports->polling, i);
    }
    fifo(1);
    for (uint32_t n = 1; n < WORDS; n++)
        pending += *word(n) >> EVTCHN_FIFO_PENDING;
    assert_int_equal(pending, count);
    for (unsigned i = 1; i < 99; i++)
        assert_false(d->vcpus[i]->stopped & VCPU_BLOCKED);
    assert_true(d->vcpus[99]->stopped & VCPU_BLOCKED);
    assert_int_equal(d->ports->polling[0], 0);
    assert_int_equal(d->ports->polling[1], 1UL << 35);
    end();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, sides_up, sides_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(numbers_have_all_their_bits),
        CASE(a_search_is_cut_into_pieces),
        CASE(a_reset_is_cut_into_pieces),
        CASE(an_end_closes_what_an_interrupted_reset_passed),
        CASE(a_limit_that_went_is_looked_at_again),
        CASE(what_waited_for_words_is_delivered),
    };

    model_memory_up();
    model_seed(1);
    lifecycle_init();
    return cmocka_run_group_tests_name("hv-many-ports", tests, NULL, NULL);
}

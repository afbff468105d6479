/*
 * The FIFO format: a queue for each priority, of ports linked by their words.  A port is taken off
 * before it is looked at; the hypervisor puts it on again when it is next sent to.  One word and
 * one queue are changed by one atomic operation each, since the hypervisor changes them, too.
 */
#include "pv-kernel/event-fifo.h"
#include "hypercall-abi/errno.h"
#include "hypercall-abi/guest-stubs.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/kernel.h"
#include <stddef.h>

#define PENDING        (1u << EVTCHN_FIFO_PENDING)
#define MASKED         (1u << EVTCHN_FIFO_MASKED)
#define LINKED         (1u << EVTCHN_FIFO_LINKED)
#define BUSY           (1u << EVTCHN_FIFO_BUSY)
#define WORDS_PER_PAGE ((uint32_t)(PAGE_SIZE / sizeof(uint32_t)))

static union {
    volatile struct evtchn_fifo_control_block block;
    uint8_t page[PAGE_SIZE];
} control __attribute__((aligned(4096)));
/* Before there is memory to be had. */
static uint32_t first_words[WORDS_PER_PAGE] __attribute__((aligned(4096)));
static volatile uint32_t *words[EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE];
static uint32_t pages;
static evtchn_port_t heads[EVTCHN_FIFO_MAX_QUEUES]; /* what is left of each queue; 0: look there */

static volatile uint32_t *word_of(evtchn_port_t port)
{
    return &words[port / WORDS_PER_PAGE][port % WORDS_PER_PAGE];
}

static int page_add(uint32_t *page)
{
    struct evtchn_expand_array op = { .array_gfn = frames_virt_to_mfn(page) };
    int error;

    for (uint32_t i = 0; i < WORDS_PER_PAGE; i++)
        page[i] = MASKED;
    error = (int)hypercall_event_channel_op(EVTCHNOP_expand_array, HYPERCALL_ARG(&op));
    if (!error)
        words[pages++] = page;
    return error;
}

bool event_fifo_start(void)
{
    struct evtchn_init_control op = { .control_gfn = frames_virt_to_mfn(&control) };

    if (hypercall_event_channel_op(EVTCHNOP_init_control, HYPERCALL_ARG(&op)))
        return false;
    if (page_add(first_words))
        kernel_panic("event channels: no words for the format the hypervisor has just given");
    return true;
}

int event_fifo_reach(evtchn_port_t port)
{
    if (port >= EVTCHN_FIFO_NR_CHANNELS)
        return -XEN_ENOSPC;
    while (port / WORDS_PER_PAGE >= pages) {
        uint32_t *page = frames_alloc(0);
        int error = page ? page_add(page) : -XEN_ENOMEM;

        if (error) {
            if (page)
                frames_free(page, 0);
            return error;
        }
    }
    return 0;
}

void event_fifo_mask(evtchn_port_t port)
{
    __atomic_fetch_or(word_of(port), MASKED, __ATOMIC_SEQ_CST);
}

bool event_fifo_open(evtchn_port_t port)
{
    uint32_t word = *word_of(port);

    /* The hypervisor says BUSY for the moment in which it needs the rest of a word to stay. */
    do {
        if (word & PENDING)
            return false;
        word &= ~BUSY;
    } while (!__atomic_compare_exchange_n(word_of(port), &word, word & ~MASKED, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return true;
}

void event_fifo_clear(evtchn_port_t port)
{
    __atomic_fetch_and(word_of(port), ~PENDING, __ATOMIC_SEQ_CST);
}

/* The next port of a queue; 0: there is none. */
static evtchn_port_t take(unsigned int priority)
{
    evtchn_port_t port = heads[priority] ? heads[priority] : control.block.head[priority];

    if (port)
        heads[priority] =
            __atomic_fetch_and(word_of(port), ~(LINKED | EVTCHN_FIFO_LINK_MASK), __ATOMIC_SEQ_CST) &
            EVTCHN_FIFO_LINK_MASK;
    return port;
}

void event_fifo_upcall(void (*deliver)(evtchn_port_t port))
{
    uint32_t ready = __atomic_exchange_n(&control.block.ready, 0, __ATOMIC_SEQ_CST);

    while (ready) {
        unsigned int priority = (unsigned int)__builtin_ctz(ready);
        evtchn_port_t port = take(priority);

        if (!heads[priority])
            ready &= ~(1u << priority);
        if (port && (*word_of(port) & (PENDING | MASKED)) == PENDING)
            deliver(port);
        ready |= __atomic_exchange_n(&control.block.ready, 0, __ATOMIC_SEQ_CST);
    }
}

/*
 * Event channels in FIFO format: the change to it and back, words, queues and priorities, what is
 * pending before there is a word for it, and the refusals.  Ports are bound to ourselves.
 */
#include "console-again.h"
#include "hypercall-abi/sched.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"

#define PENDING      (1u << EVTCHN_FIFO_PENDING)
#define MASKED       (1u << EVTCHN_FIFO_MASKED)
#define LINKED       (1u << EVTCHN_FIFO_LINKED)
#define DEFAULT      EVTCHN_FIFO_PRIORITY_DEFAULT
#define NO_FRAME     (1UL << 50)
#define BLOCK_OFFSET 128u

static volatile struct evtchn_fifo_control_block *blocks[2];
static volatile uint32_t *words;

static int64_t op(unsigned int number, void *arg)
{
    return hypercall_event_channel_op(number, HYPERCALL_ARG(arg));
}

static int64_t init(uint32_t vcpu, uint64_t gfn, uint32_t offset)
{
    struct evtchn_init_control control = { .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
    int64_t r = op(EVTCHNOP_init_control, &control);

    return r ? r : control.link_bits;
}

static int64_t expand(uint64_t gfn)
{
    struct evtchn_expand_array array = { .array_gfn = gfn };

    return op(EVTCHNOP_expand_array, &array);
}

static int64_t prefer(evtchn_port_t port, uint32_t priority)
{
    struct evtchn_set_priority set = { .port = port, .priority = priority };

    return op(EVTCHNOP_set_priority, &set);
}

static evtchn_port_t ipi(void)
{
    struct evtchn_bind_ipi bind = { .vcpu = 0 };

    check("bind ipi", op(EVTCHNOP_bind_ipi, &bind), 0);
    return bind.port;
}

static void before(void)
{
    check("expand before", expand(frames_virt_to_mfn(frames_alloc(0))), -XEN_EOPNOTSUPP);
    check("priority before", prefer(1, 3), -XEN_ENOSYS);
    check("wild control", op(EVTCHNOP_init_control, (void *)BAD_POINTER), -XEN_EFAULT);
    check("wild array", op(EVTCHNOP_expand_array, (void *)BAD_POINTER), -XEN_EFAULT);
    check("wild priority", op(EVTCHNOP_set_priority, (void *)BAD_POINTER), -XEN_EFAULT);
}

static void change(evtchn_port_t early)
{
    uint64_t block = frames_virt_to_mfn((void *)blocks[0]);

    blocks[0] = (void *)((char *)blocks[0] + BLOCK_OFFSET);
    check("control for no vCPU", init(4000, block, 0), -XEN_ENOENT);
    check("control over the end", init(0, block, PAGE_SIZE - 64), -XEN_EINVAL);
    check("control at an odd place", init(0, block, 4), -XEN_EINVAL);
    check("control in no frame", init(0, NO_FRAME, 0), -XEN_EINVAL);
    /* Of a guest whose frames are translated, it is a frame like others. */
    check("control in a page table",
          page_tables_translated() ? -XEN_EINVAL
                                   : init(0, frames_virt_to_mfn((void *)start_info->pt_base), 0),
          -XEN_EINVAL);
    check("still the other format", expand(block), -XEN_EOPNOTSUPP);
    check("control", init(0, block, BLOCK_OFFSET), EVTCHN_FIFO_LINK_BITS);
    check("control twice", init(0, block, BLOCK_OFFSET), -XEN_EINVAL);
    check("send without a word", event_port_notify(early), 0);
    check("nothing is ready", blocks[0]->ready, 0);
    check("words in no frame", expand(NO_FRAME), -XEN_EINVAL);
    check("words in a page table",
          page_tables_translated() ? -XEN_EINVAL
                                   : expand(frames_virt_to_mfn((void *)start_info->pt_base)),
          -XEN_EINVAL);
    for (evtchn_port_t port = 1; port < early; port++)
        words[port] = MASKED; /* the console's, which would come in between */
    check("words", expand(frames_virt_to_mfn((void *)words)), 0);
    check("what came before", words[early], PENDING | LINKED);
    check("is ready", blocks[0]->ready & 1u << DEFAULT, 1u << DEFAULT);
}

/* Takes a queue's ports off, as a guest does, and counts them; `last` of them is told. */
static unsigned int drain(unsigned int vcpu, unsigned int priority, evtchn_port_t *last)
{
    uint32_t port = 0;
    unsigned int n = 0;

    if (!(__atomic_fetch_and(&blocks[vcpu]->ready, ~(1u << priority), __ATOMIC_SEQ_CST) >>
              priority &
          1))
        return 0;
    for (port = blocks[vcpu]->head[priority]; port; n++) {
        uint32_t was =
            __atomic_fetch_and(&words[port], ~(LINKED | EVTCHN_FIFO_LINK_MASK), __ATOMIC_SEQ_CST);

        if (last)
            *last = port;
        __atomic_fetch_and(&words[port], ~PENDING, __ATOMIC_SEQ_CST);
        port = was & EVTCHN_FIFO_LINK_MASK;
    }
    blocks[vcpu]->head[priority] = 0;
    return n;
}

static void drain_all(void)
{
    for (unsigned int priority = 0; priority <= EVTCHN_FIFO_PRIORITY_MIN; priority++)
        for (unsigned int vcpu = 0; vcpu < 2; vcpu++)
            if (blocks[vcpu])
                drain(vcpu, priority, NULL);
}

/* A pair of ours; the second sends to the first. */
static void pair(evtchn_port_t ports[2])
{
    check("alloc", event_port_alloc_unbound(DOMID_SELF, DOMID_SELF, &ports[0]), 0);
    check("bind", event_port_bind_interdomain(DOMID_SELF, ports[0], &ports[1]), 0);
    check("pending at birth", words[ports[1]], PENDING | LINKED);
    drain_all();
}

static void queues(evtchn_port_t a)
{
    evtchn_port_t b = ipi(), c = ipi(), last = 0;
    struct evtchn_unmask unmask = { .port = b };

    drain_all();
    event_port_notify(a);
    event_port_notify(b);
    event_port_notify(c);
    event_port_notify(b);
    check("the first is the head", blocks[0]->head[DEFAULT] == a, true);
    check("the next is its link", words[a] == (PENDING | LINKED | b), true);
    check("and the next", words[b] == (PENDING | LINKED | c), true);
    check("is the last", words[c], PENDING | LINKED);
    check("one queue is ready", blocks[0]->ready, 1u << DEFAULT);
    check("three in it", drain(0, DEFAULT, &last), 3);
    check("in their order", last == c, true);
    event_port_notify(c);
    check("a head again", blocks[0]->head[DEFAULT] == c, true);
    check("alone", drain(0, DEFAULT, NULL), 1);
    __atomic_fetch_or(&words[b], MASKED, __ATOMIC_SEQ_CST);
    event_port_notify(b);
    check("masked", words[b], PENDING | MASKED);
    check("not ready", blocks[0]->ready, 0);
    check("unmask", op(EVTCHNOP_unmask, &unmask), 0);
    check("on its queue", words[b], PENDING | LINKED);
    check("ready", drain(0, DEFAULT, &last), 1);
    check("that one", last == b, true);
    __atomic_fetch_or(&words[b], MASKED, __ATOMIC_SEQ_CST);
    check("unmask with nothing pending", op(EVTCHNOP_unmask, &unmask), 0);
    check("nothing", words[b], 0);
    event_port_close(b);
    event_port_close(c);
}

static void priorities(evtchn_port_t a)
{
    evtchn_port_t b = ipi();

    check("no such priority", prefer(b, EVTCHN_FIFO_PRIORITY_MIN + 1), -XEN_EINVAL);
    check("the highest", prefer(b, 0), 0);
    event_port_notify(a);
    event_port_notify(b);
    check("two queues", blocks[0]->ready, 1u << DEFAULT | 1u);
    check("the lowest", prefer(b, EVTCHN_FIFO_PRIORITY_MIN), 0);
    event_port_notify(b);
    check("stays where it is", words[b], PENDING | LINKED);
    check("one of them", drain(0, 0, NULL), 1);
    event_port_notify(b);
    check("the other queue", blocks[0]->head[EVTCHN_FIFO_PRIORITY_MIN] == b, true);
    drain_all();
    event_port_close(b);
    check("of a closed port", prefer(b, 3), -XEN_EACCES);
    check("of no port", prefer(1u << 20, 3), -XEN_EINVAL);
    b = ipi();
    event_port_notify(b);
    check("a new port has the default", blocks[0]->ready, 1u << DEFAULT);
    drain_all();
    event_port_close(b);
}

/* The tail of a queue moves to another while it is on it; it must not take the first one along. */
static void a_tail_moves(void)
{
    evtchn_port_t one[2], two[2], last;
    struct evtchn_bind_vcpu bind = { .vcpu = 1 };

    pair(one);
    pair(two);
    check("no control there", op(EVTCHNOP_bind_vcpu, &(struct evtchn_bind_vcpu){ two[0], 1 }), 0);
    event_port_notify(two[1]);
    check("it is lost", words[two[0]], 0);
    check("control of vCPU 1", init(1, frames_virt_to_mfn((void *)blocks[1]), 0),
          EVTCHN_FIFO_LINK_BITS);
    bind.port = one[0];
    event_port_notify(one[1]);
    check("on vCPU 0", blocks[0]->head[DEFAULT] == one[0], true);
    check("moved", op(EVTCHNOP_bind_vcpu, &bind), 0);
    drain(0, DEFAULT, NULL);
    event_port_notify(one[1]);
    check("on vCPU 1", blocks[1]->head[DEFAULT] == one[0], true);
    bind = (struct evtchn_bind_vcpu){ two[0], 0 };
    check("back", op(EVTCHNOP_bind_vcpu, &bind), 0);
    event_port_notify(two[1]);
    check("its own head", blocks[0]->head[DEFAULT] == two[0], true);
    check("one there", drain(1, DEFAULT, &last), 1);
    check("and one here", drain(0, DEFAULT, &last), 1);
    check("that one", last == two[0], true);
    event_port_close(one[0]);
    event_port_close(one[1]);
    event_port_close(two[0]);
    event_port_close(two[1]);
}

/* A port that is closed while it is on a queue keeps its number until it is off. */
static void closed_on_its_queue(void)
{
    evtchn_port_t a = ipi(), b;

    event_port_notify(a);
    check("close", event_port_close(a), 0);
    check("nothing pending", words[a] & PENDING, 0);
    check("on its queue", words[a] & LINKED, LINKED);
    b = ipi();
    check_true("another number", a != b);
    drain_all();
    event_port_close(b);
    b = ipi();
    check_true("its number again", a == b);
    event_port_close(b);
}

static int64_t poll(evtchn_port_t port)
{
    struct sched_poll poll = { .nr_ports = 1, .timeout = 1 };

    poll.ports = HYPERCALL_ARG(&port);
    return hypercall_sched_op(SCHEDOP_poll, HYPERCALL_ARG(&poll));
}

static void polls(evtchn_port_t a)
{
    __atomic_fetch_or(&words[a], MASKED, __ATOMIC_SEQ_CST);
    event_port_notify(a);
    check("poll", poll(a), 0);
    check("poll for no port", poll(1u << 17), -XEN_EINVAL);
    words[a] = 0;
}

static void ends(void)
{
    int64_t r = 0;
    unsigned int pages = 1;

    while (!r && pages <= 200) {
        r = expand(frames_virt_to_mfn(frames_alloc(0)));
        pages += !r;
    }
    check("no more words", r, -XEN_ENOSPC);
    check("as many as links can tell", pages, (1u << EVTCHN_FIFO_LINK_BITS) / 1024);
}

/* With all ports closed the format is the first one again, and may be changed again. */
static void back(void)
{
    struct evtchn_status status = { .dom = DOMID_SELF, .port = start_info->console.domU.evtchn };
    struct evtchn_reset whose = { .dom = DOMID_SELF };
    uint64_t block = frames_virt_to_mfn(frames_alloc(0));
    int64_t results[2];

    if (!kernel_is_initial_domain())
        op(EVTCHNOP_status, &status);
    results[0] = op(EVTCHNOP_reset, &whose);
    results[1] = expand(block);
    console_again(status.port, status.u.interdomain.port);
    check("reset", results[0], 0);
    check("the first format again", results[1], -XEN_EOPNOTSUPP);
    check("control again", init(0, block, 0), EVTCHN_FIFO_LINK_BITS);
    check("words again", expand(frames_virt_to_mfn(frames_alloc(0))), 0);
}

void guest_test(void)
{
    bool was = events_mask_save();
    evtchn_port_t a;

    for (int i = 0; i < 2; i++)
        blocks[i] = frames_alloc(0);
    words = frames_alloc(0);
    before();
    a = ipi();
    change(a);
    queues(a);
    priorities(a);
    a_tail_moves();
    closed_on_its_queue();
    polls(a);
    ends();
    back();
    events_mask_restore(was);
}

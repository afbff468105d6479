/*
 * A guest that does everything wrong with its disk, over one to four queues with rings of one to
 * four pages.  tests/system/test_hostile_block.py runs it beside a guest that reads and writes.
 *
 * Command line: CASES SEED END.  After so many cases it says so, and ends: "on" goes on until it is
 * destroyed, "off" powers off and "crash" crashes in the middle, with requests on its rings.
 *
 * A case is a request of noise, which a backend has to answer, or something after which it may do
 * nothing for us any more; then the disk is closed and connected again, which has to work whatever
 * was before, and every page has to be ours again.
 */
#include "tests/hostile/noise.h"
#include "tests/hostile/raw-vbd.h"

#define DATA_PAGES  16u
#define LIST_PAGES  4u
#define OWN_SECTORS 64u /* at the disk's end: nothing of noise goes there */

static uint8_t *data_pages[DATA_PAGES];
static grant_ref_t data_refs[DATA_PAGES], list_refs[LIST_PAGES];
static struct blkif_request_segment *lists[LIST_PAGES];
static grant_ref_t ended_ref, foreign_ref, read_only_ref, own_ref;
static uint8_t *own_page;
static unsigned long connections;

/* What was granted is ours again when the backend has closed. */
static void pages_look(void)
{
    for (unsigned int i = 0; i < DATA_PAGES; i++) {
        if (grant_reference_close(data_refs[i]))
            complain("a page of data is still mapped", i);
        grant_reference_open(data_refs[i], 0, frames_virt_to_mfn(data_pages[i]), false);
    }
    for (unsigned int i = 0; i < QUEUES * RING_PAGES; i++) {
        struct queue *queue = &queues[i / RING_PAGES];
        unsigned int page = i % RING_PAGES;

        if (grant_reference_close(queue->refs[page]))
            complain("a ring's page is still mapped", i);
        grant_reference_open(queue->refs[page], 0, frames_virt_to_mfn(queue->pages[page]), false);
    }
}

/* 1, 2 or 4 queues, with rings of 1, 2 or 4 pages. */
static bool connect(void)
{
    return raw_connect(1u << below(3), below(ORDERS));
}

static bool leave(void)
{
    if (!raw_leave())
        return false;
    pages_look();
    return true;
}

/* Requests. */

/* None that there is. */
static grant_ref_t wild_ref(void)
{
    return noise() | 1u << 16;
}

static grant_ref_t any_ref(void)
{
    grant_ref_t some[] = { 0xffffffff, wild_ref(),  2 + below(6),
                           ended_ref,  foreign_ref, read_only_ref };

    /* Reads write to them: so neither rings, nor lists, nor the console's and the store's pages. */
    return below(16) ? data_refs[below(DATA_PAGES)] : some[below(6)];
}

/* Nothing of noise reaches our own sectors. */
static uint64_t any_sector(void)
{
    uint64_t edges[] = { UINT64_MAX, UINT64_MAX - 7, 1ULL << 55, 1ULL << 63, sectors, sectors + 1 };

    return below(8) ? noise() % (sectors - OWN_SECTORS - 2048) : edges[below(6)];
}

static volatile union raw_slot *noisy_next(struct queue *queue)
{
    volatile union raw_slot *slot = &queue->ring->slots[queue->produced % slots];

    for (unsigned int i = 0; i < SLOT_WORDS; i++)
        slot->words[i] = noise();
    return slot_next(queue);
}

static void segment_put(volatile struct blkif_request_segment *segment)
{
    segment->gref = any_ref();
    segment->first_sect = below(32) ? 0 : (uint8_t)noise();
    segment->last_sect = below(32) ? (uint8_t)below(8) : (uint8_t)noise();
}

static void transfer_put(struct queue *queue)
{
    volatile struct blkif_request *r = &noisy_next(queue)->request;

    r->operation = below(2) ? BLKIF_OP_READ : BLKIF_OP_WRITE;
    r->nr_segments = below(16) ? (uint8_t)(1 + below(11)) : (uint8_t)noise();
    r->sector_number = any_sector();
    for (unsigned int i = 0; i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
        segment_put(&r->seg[i]);
}

static void indirect_put(struct queue *queue)
{
    volatile struct blkif_request_indirect *r = &noisy_next(queue)->indirect;
    uint32_t list = below(LIST_PAGES);

    r->operation = BLKIF_OP_INDIRECT;
    r->indirect_op = below(16) ? (uint8_t)below(2) : (uint8_t)noise();
    r->nr_segments = below(16) ? (uint16_t)(1 + below(256)) : (uint16_t)noise();
    r->sector_number = any_sector();
    /* What else is a list would have references in it that are not to be written to. */
    r->indirect_grefs[0] = below(16) ? list_refs[list] : below(2) ? ended_ref : wild_ref();
    for (unsigned int i = 0; i < 256; i++) {
        segment_put(&lists[list][i]);
        if (below(64)) /* most lists would have one that is refused */
            lists[list][i] = (struct blkif_request_segment){ data_refs[i % DATA_PAGES], 0, 7 };
    }
}

static void discard_put(struct queue *queue)
{
    volatile struct blkif_request_discard *r = &noisy_next(queue)->discard;

    r->operation = BLKIF_OP_DISCARD;
    r->flag = below(8) == 0;
    r->sector_number = any_sector();
    r->nr_sectors = below(4) ? below(2048) : any_sector();
    if (r->nr_sectors > 2048 && r->sector_number < sectors) /* refused, whatever it is */
        r->nr_sectors = sectors + 1 + r->nr_sectors % 1000;
}

static void flush_put(struct queue *queue)
{
    volatile struct blkif_request *r = &noisy_next(queue)->request;

    r->operation = BLKIF_OP_FLUSH_DISKCACHE;
    r->nr_segments = below(4) ? 0 : (uint8_t)noise();
}

static void unknown_put(struct queue *queue)
{
    volatile struct blkif_request *r = &noisy_next(queue)->request;
    uint8_t operation = (uint8_t)noise();

    r->operation = operation == BLKIF_OP_DISCARD || operation < 2 || operation == BLKIF_OP_INDIRECT
                       ? BLKIF_OP_WRITE_BARRIER
                       : operation;
}

/* Requests that change while they are read, but for what is the answer's place in the end. */
static void flips_put(struct queue *queue)
{
    uint32_t first = queue->produced;

    while (raw_room(queue) && queue->produced - first < 8)
        transfer_put(queue);
    push(queue);
    for (int i = 0; i < 500; i++) {
        volatile struct blkif_request *r =
            &queue->ring->slots[(first + below(queue->produced - first)) % slots].request;

        r->sector_number = any_sector();
        segment_put(&r->seg[below(BLKIF_MAX_SEGMENTS_PER_REQUEST)]);
    }
}

static void (*const mild[])(struct queue *) = { transfer_put, transfer_put, transfer_put,
                                                indirect_put, indirect_put, discard_put,
                                                flush_put,    unknown_put,  flips_put };

/* Grants that end, come again for other pages, or for reading only, while requests name them. */
static void grants_shuffle(void)
{
    for (uint32_t i = below(40); i; i--) {
        uint32_t page = below(DATA_PAGES), other = below(DATA_PAGES);

        if (grant_reference_close(data_refs[page]))
            continue; /* in use: it stays as it is */
        if (below(8))
            grant_reference_open(data_refs[page], 0, frames_virt_to_mfn(data_pages[other]),
                                 below(4) == 0);
    }
}

static void mild_put(struct queue *queue)
{
    for (uint32_t n = 1 + below(slots); n && raw_room(queue); n--, cases++)
        mild[below(sizeof(mild) / sizeof(mild[0]))](queue);
    push(queue);
    if (below(8) == 0)
        grants_shuffle();
    if (below(8) == 0) /* lists that change while they are read */
        for (int i = 0; i < 2000; i++)
            segment_put(&lists[below(LIST_PAGES)][below(256)]);
}

static void mild_play(void)
{
    struct queue *queue = &queues[below(queue_count)];

    mild_put(queue);
    if (below(2))
        answers_wait(queue);
    else
        answers_take(queue);
}

/* Our own sectors hold what was written there last. */
static void own_sectors_look(void)
{
    static uint8_t letter;
    struct queue *queue = &queues[0];

    for (int write = 1; write >= 0; write--) {
        volatile struct blkif_request *r = &noisy_next(queue)->request;

        if (write)
            letter++;
        memset(own_page, write ? letter : 0, PAGE_SIZE);
        r->operation = write ? BLKIF_OP_WRITE : BLKIF_OP_READ;
        r->nr_segments = 1;
        r->sector_number = sectors - 8;
        r->seg[0].gref = own_ref;
        r->seg[0].first_sect = 0;
        r->seg[0].last_sect = 7;
        push(queue);
        answers_wait(queue);
    }
    for (unsigned int i = 0; i < PAGE_SIZE; i++)
        if (own_page[i] != letter) {
            complain("not what was written", i);
            break;
        }
}

/* The cases after which nothing is expected but that the disk can be connected again. */

static void index_jumps(void)
{
    static const uint32_t far[] = { 129, 1u << 16, 1u << 31, 0xffffffff };

    queues[0].ring->header.req_prod += below(2) ? far[below(4)] : noise();
    event_port_notify(queues[0].port);
}

static void states(void)
{
    static const char *const some[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "x", "" };

    for (uint32_t i = 1 + below(60); i; i--)
        say("state", some[below(12)]);
}

static void port_closed(void)
{
    struct queue *queue = &queues[below(queue_count)];

    event_port_close(queue->port);
    mild_put(queue); /* nobody is told */
    event_port_alloc_unbound(DOMID_SELF, 0, &queue->port);
    event_port_set_handler(queue->port, ignore, NULL);
}

static void storm(void)
{
    for (int i = 0; i < 300; i++)
        event_port_notify(queues[below(queue_count)].port);
    for (unsigned int i = 0; i < queue_count; i++) {
        queues[i].ring->header.rsp_event = noise();
        queues[i].ring->header.req_event = noise();
        queues[i].ring->header.rsp_prod = noise();
    }
}

/* Requests of which every word changes, so that nobody knows what the answers say. */
static void all_flips(void)
{
    struct queue *queue = &queues[below(queue_count)];
    const uint8_t operations[] = { BLKIF_OP_READ, BLKIF_OP_WRITE, BLKIF_OP_DISCARD,
                                   BLKIF_OP_INDIRECT, (uint8_t)noise() };

    while (raw_room(queue))
        transfer_put(queue);
    push(queue);
    for (int i = 0; i < 2000; i++) {
        volatile struct blkif_request *r = &queue->ring->slots[below(slots)].request;

        r->operation = operations[below(5)];
        r->nr_segments = (uint8_t)below(14);
        r->id = noise();
        r->sector_number = any_sector();
        segment_put(&r->seg[below(BLKIF_MAX_SEGMENTS_PER_REQUEST)]);
    }
}

/* As many requests as there is room for, and nobody who takes the answers. */
static void unheard(void)
{
    struct queue *queue = &queues[below(queue_count)];
    uint64_t until = clock_monotonic_ns() + below(20) * 1000000ULL;

    while (clock_monotonic_ns() < until) {
        if (queue->produced - queue->ring->header.rsp_prod >= slots)
            continue;
        memset(queue->asked, 0, sizeof(queue->asked));
        mild[below(5)](queue);
        push(queue);
    }
}

static void all_noise(void)
{
    struct queue *queue = &queues[below(queue_count)];

    for (uint32_t i = 0; i < slots; i++)
        for (unsigned int word = 1; word < SLOT_WORDS; word++)
            queue->ring->slots[i].words[word] = noise() | 1u << 31; /* sectors far out */
    queue->ring->header.req_prod += below(slots + 2);
    event_port_notify(queue->port);
}

/* Connects with something that is not so. */
static void other_nodes(void)
{
    static const char *const nodes[] = {
        "ring-ref",        "ring-ref0", "queue-0/ring-ref",      "event-channel",
        "ring-page-order", "protocol",  "queue-0/event-channel", "multi-queue-num-queues"
    };
    static const char *const words[] = { "",  "-1", "4294967296", "x", "99999999999999999999",
                                         "5", "4",  "3",          "2", "1" };
    char path[80];
    uint32_t which = below(8);
    const char *node = nodes[which];
    bool is_ring = which < 3; /* as such it is written to: not the store's page, reference 1 */

    if (!leave())
        return;
    say("state", "1");
    wait_state(2, 2);
    nodes_write();
    if (below(4))
        say(node, words[below(is_ring ? 5 : 10)]);
    else
        say_number(node, below(2) ? ended_ref : wild_ref());
    say("state", "3");
    wait_state(4, 5);
    ksnprintf(path, sizeof(path), "%s/%s", front, node);
    ask(XS_RM, 0, path, strlen(path) + 1);
    ksnprintf(path, sizeof(path), "%s/queue-0", front);
    ask(XS_RM, 0, path, strlen(path) + 1);
}

static void (*const fatal[])(void) = { index_jumps, states,    port_closed, storm,
                                       all_noise,   all_flips, unheard,     other_nodes };

static void connection_play(unsigned long most)
{
    for (uint32_t i = below(12); i && cases < most; i--)
        mild_play();
    fatal[below(sizeof(fatal) / sizeof(fatal[0]))]();
    cases++;
    connections++;
    if (!leave() || !connect())
        complain("it cannot be connected again", back_state());
    own_sectors_look();
}

static void end(bool crash)
{
    struct sched_shutdown how = { .reason = crash ? SHUTDOWN_crash : SHUTDOWN_poweroff };

    for (unsigned int i = 0; i < queue_count; i++) {
        while (raw_room(&queues[i]))
            mild[below(5)](&queues[i]);
        push(&queues[i]);
    }
    hypercall_sched_op(SCHEDOP_shutdown, HYPERCALL_ARG(&how));
}

static const char *word_next(const char *text)
{
    while (*text && *text != ' ')
        text++;
    return *text ? text + 1 : text;
}

static void references_make(void)
{
    void *page = frames_alloc(0);
    uint64_t mfn = frames_virt_to_mfn(page);

    grant_access_give(0, mfn, false, &ended_ref);
    grant_access_end(ended_ref);
    grant_reference_take(&ended_ref); /* so that it stays so */
    grant_access_give(DOMID_FIRST_RESERVED - 1, mfn, false, &foreign_ref);
    grant_access_give(0, mfn, true, &read_only_ref);
    for (unsigned int i = 0; i < DATA_PAGES; i++) {
        data_pages[i] = frames_alloc(0);
        grant_access_give(0, frames_virt_to_mfn(data_pages[i]), false, &data_refs[i]);
    }
    for (unsigned int i = 0; i < LIST_PAGES; i++) {
        lists[i] = frames_alloc(0);
        grant_access_give(0, frames_virt_to_mfn(lists[i]), true, &list_refs[i]);
    }
    own_page = frames_alloc(0);
    grant_access_give(0, frames_virt_to_mfn(own_page), false, &own_ref);
}

void guest_main(struct start_info *si)
{
    const char *line = (const char *)si->cmd_line, *seed = word_next(line);
    const char *last = word_next(seed);
    unsigned long most = number(line);

    noise_state ^= (uint64_t)number(seed) << 32;
    references_make();
    raw_open(1, 0);
    kprintf("block: begins, %lu sectors\n", sectors);
    own_sectors_look();
    while (cases < most && bad < 10)
        connection_play(most);
    kprintf("block: %lu cases, %lu connections, %lu errors\n", cases, connections, errors);
    kprintf("hostile: block done\n");
    while (!strcmp(last, "on") && bad < 10)
        connection_play(-1UL);
    end(!strcmp(last, "crash"));
}

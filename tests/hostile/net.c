/*
 * A guest that does everything wrong with its first network interface, and looks with its second
 * one at what comes of it.  tests/system/test_hostile_net.py runs it beside a neighbour.
 *
 * Command line: CASES SEED END.  After so many cases it says so, and ends: "on" goes on until it is
 * destroyed, "off" powers off and "crash" crashes in the middle, with requests on its rings.
 *
 * A case is one of `mild`, which a backend has to answer, slot by slot, or of `fatal`, after which
 * it may do nothing for us any more; then the interface is closed and connected again, which has to
 * work whatever was before.
 */
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/sched.h"
#include "tests/hostile/noise.h"
#include "tests/hostile/witness.h"

#define MILD_IN_A_ROW 40u
#define CHAIN_MAX     60u

static uint16_t ids[RAW_SLOTS];
static grant_ref_t ended_ref, foreign_ref, read_only_ref, scrap_ref;
static unsigned long connections, errors;

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* Some frames for the attacker, whose pages may be anything. */
static void witness_send(unsigned int count)
{
    witness.tx_taken = witness.tx->header.rsp_prod;
    for (; count && raw_tx_room(&witness); count--) {
        raw_header(witness.tx_pages[witness.tx_at % RAW_SLOTS], attacker.mac, witness.mac, 0x88b5);
        raw_tx_frame(&witness, 60 + below(4000), 0);
    }
    raw_tx_push(&witness);
}

/* What was asked is answered, in order. */
static void answers_look(void)
{
    uint32_t end = attacker.tx->header.rsp_prod;

    if (end - attacker.tx_taken > attacker.tx_at - attacker.tx_taken)
        complain("more answers than requests", end);
    for (; attacker.tx_taken != end; attacker.tx_taken++) {
        uint32_t place = attacker.tx_taken % RAW_SLOTS;
        struct netif_tx_response response = attacker.tx->slots[place].response;

        if (response.id != ids[place])
            complain("an answer for another request", response.id);
        if (response.status < NETIF_RSP_DROPPED || response.status > NETIF_RSP_NULL)
            complain("no such status", (uint32_t)response.status);
        errors += response.status < 0;
    }
    attacker.rx_taken = attacker.rx->header.rsp_prod;
}

/* Slots of the attacker's. */
static void slot_put(grant_ref_t gref, uint32_t offset, uint32_t flags, uint32_t size)
{
    uint16_t id = (uint16_t)noise();

    ids[attacker.tx_at % RAW_SLOTS] = id;
    volatile struct netif_tx_request *request = &raw_tx_slot(&attacker)->request;
    request->gref = gref;
    request->offset = (uint16_t)offset;
    request->flags = (uint16_t)flags;
    request->id = id;
    request->size = (uint16_t)size;
}

static void extra_put(uint32_t type, bool more, const void *body)
{
    struct netif_extra_info extra = { .type = (uint8_t)type, .flags = more };
    uint32_t words[3] = { 0 };
    volatile uint32_t *to = (volatile uint32_t *)&attacker.tx->slots[attacker.tx_at % RAW_SLOTS];

    memcpy(&extra.u, body, sizeof(extra.u));
    memcpy(words, &extra, sizeof(extra));
    words[2] |= noise() << 16;
    for (int i = 0; i < 3; i++)
        to[i] = words[i];
    ids[attacker.tx_at++ % RAW_SLOTS] = (uint16_t)words[2];
}

static void extra_noise(uint32_t type, bool more)
{
    uint8_t body[6];

    noise_fill(body, sizeof(body));
    extra_put(type, more, body);
}

static grant_ref_t any_page(void)
{
    return attacker.tx_refs[below(RAW_SLOTS)];
}

static uint8_t *next_page(void)
{
    return attacker.tx_pages[attacker.tx_at % RAW_SLOTS];
}

static grant_ref_t next_ref(void)
{
    return attacker.tx_refs[attacker.tx_at % RAW_SLOTS];
}

/* A link header that is let in: to the witness, mostly. */
static void header_put(uint8_t *page, unsigned int type)
{
    static const uint8_t group[6] = { 0x01, 0x00, 0x5e, 0x01, 0x02, 0x03 };
    static const uint8_t nobody[6] = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 };
    const uint8_t *to[] = { broadcast, group, nobody, attacker.mac };
    uint32_t which = below(16);

    raw_header(page, which < 4 ? to[which] : witness.mac, attacker.mac, type);
}

/* The cases that are answered. */
static void sizes(void)
{
    static const uint16_t some[] = { 0,   1,   13,  14,   15,   59,   60,   191,
                                     255, 256, 257, 1514, 1515, 4000, 4095, 4096 };
    uint32_t size = some[below(16)], offset = below(4097 - size);

    if (offset < PAGE_SIZE - 14)
        header_put(next_page() + offset, 0x88b5);
    slot_put(next_ref(), offset, 0, size);
}

static void short_frames(void)
{
    uint32_t bytes = 14 + below(46), offset = below(4000);
    uint8_t *page = next_page() + offset, to[6];

    memcpy(to, short_to, sizeof(short_to));
    to[5] = (uint8_t)bytes;
    raw_header(page, to, attacker.mac, 0x88b6);
    memset(page + 14, FILLING, bytes - 14);
    memset(page + bytes, 0xee, 40); /* not to be seen by anybody */
    slot_put(next_ref(), offset, 0, bytes);
}

/* Pieces of any sizes whose sum is what the first slot says; the first lies at its page's start. */
static void pieces_put(uint32_t count, uint32_t first, uint32_t flags, uint32_t extras)
{
    static uint16_t parts[CHAIN_MAX];
    uint32_t total = first, made = 0;

    for (; made < count && total < 65536 - 4096; total += parts[made++])
        parts[made] = (uint16_t)(below(4) ? below(4097) : below(64));
    slot_put(next_ref(), 0, flags | (made ? NETTXF_more_data : 0), total);
    for (uint32_t i = 0; i < extras; i++)
        extra_noise(i ? 1 + below(4) : XEN_NETIF_EXTRA_TYPE_GSO, i + 1 < extras);
    for (uint32_t i = 0; i < made; i++)
        slot_put(any_page(), below(4097u - parts[i]), i + 1 < made ? NETTXF_more_data : 0,
                 parts[i]);
}

static void chains(void)
{
    header_put(next_page(), 0x88b5);
    pieces_put(below(CHAIN_MAX), below(4097), 0, 0);
}

static void references(void)
{
    grant_ref_t some[] = { 0xffffffff,
                           noise(),
                           below(8),
                           ended_ref,
                           foreign_ref,
                           read_only_ref,
                           attacker.tx_ring_ref,
                           attacker.rx_ring_ref };

    slot_put(some[below(8)], 0, below(2) ? NETTXF_more_data : 0, 1000);
    if (attacker.tx->slots[(attacker.tx_at - 1) % RAW_SLOTS].request.flags)
        slot_put(some[below(8)], below(3000), 0, 500);
}

/* IP, and TCP or UDP, that begin well and then may be anything, with work left to do. */
static void headers(void)
{
    uint8_t *page = next_page(), *ip = page + 14;
    bool tagged = below(8) == 0, six = below(2);
    uint32_t extras = below(4) ? 1 + below(3) : 0;

    header_put(page, tagged ? 0x8100 : six ? 0x86dd : 0x0800);
    if (tagged) {
        ip += 4;
        ip[-2] = six ? 0x86 : 0x08;
        ip[-1] = six ? 0xdd : 0x00;
    }
    noise_fill(ip, 128);
    ip[0] = (uint8_t)((six ? 0x60 : 0x40) | (below(4) ? 5 : below(16)));
    ip[six ? 6 : 9] = (uint8_t)(below(8) ? below(2) ? 6 : 17 : noise());
    if (!six && below(4))
        ip[6] = ip[7] = 0;
    if (below(4))
        ip[(six ? 40 : 20) + 12] = 0x50;
    pieces_put(below(3) ? below(16) : 0, 14 + below(4000),
               below(4) | (extras ? NETTXF_extra_info : 0), extras);
}

/* A large segment that is one, but for what it says of its segments. */
static void segments(void)
{
    uint8_t *page = next_page(), gso[6] = { (uint8_t)noise(), (uint8_t)noise(), 1 };
    uint32_t payload = 3000 + below(1000);

    if (below(2)) {
        gso[0] = (uint8_t)below(64);
        gso[1] = 0;
    }
    header_put(page, 0x0800);
    memset(page + 14, 0, 40);
    page[14] = 0x45;
    page[23] = 6;
    page[46] = 0x50;
    slot_put(next_ref(), 0, NETTXF_csum_blank | NETTXF_extra_info, 54 + payload);
    extra_put(XEN_NETIF_EXTRA_TYPE_GSO, false, gso);
}

static void extras(void)
{
    uint32_t count = 1 + below(20);

    header_put(next_page(), 0x88b5);
    slot_put(next_ref(), 0, NETTXF_extra_info, below(200));
    for (uint32_t i = 0; i < count; i++)
        extra_noise(1 + below(4), i + 1 < count);
}

static void addresses(void)
{
    uint8_t *page = next_page();
    static const uint8_t pause[6] = { 0x01, 0x80, 0xc2, 0, 0, 1 };

    header_put(page, 0x88b7);
    switch (below(4)) {
    case 0:
        memcpy(page + 6, witness.mac, 6);
        break;
    case 1:
        noise_fill(page + 6, 6);
        break;
    case 2:
        memcpy(page, pause, 6);
        break;
    default:
        memset(page + 6, 0, 6);
    }
    slot_put(next_ref(), 0, 0, 64);
}

static void unknown_flags(void)
{
    header_put(next_page(), 0x88b5);
    slot_put(next_ref(), 0, noise() << 4, 64 + below(1400));
}

static void event_storm(void)
{
    for (int i = 0; i < 300; i++)
        event_port_notify(attacker.port);
}

static void thresholds(void)
{
    attacker.tx->header.req_event = noise();
    attacker.tx->header.rsp_event = noise();
    attacker.rx->header.req_event = noise();
    attacker.rx->header.rsp_event = noise();
    sizes();
}

/* Pages to receive into that are none.  (What is granted for writing is written: neither our rings
 * nor what will be sent.) */
static void receive_pages(void)
{
    grant_ref_t some[] = { 0xffffffff,  noise() | 1u << 16, ended_ref,
                           foreign_ref, read_only_ref,      scrap_ref };

    attacker.rx_taken = attacker.rx->header.rsp_prod;
    for (uint32_t i = below(16); i && attacker.rx_at - attacker.rx_taken < RAW_SLOTS; i--) {
        volatile struct netif_rx_request *request =
            &attacker.rx->slots[attacker.rx_at++ % RAW_SLOTS].request;

        request->gref = some[below(6)];
        request->id = (uint16_t)noise();
    }
    __sync_synchronize(); /* slots before the index; partner: the backend's load order */
    attacker.rx->header.req_prod = attacker.rx_at;
    event_port_notify(attacker.port);
    witness_send(below(12));
}

static const char *const words[] = {
    "", "0", "1", "2", "3", "7", "-1", "4294967296", "x", "1x", "99999999999999999999"
};

static const char *any_word(void)
{
    return words[below(sizeof(words) / sizeof(words[0]))];
}

static void nodes(void)
{
    static const char *const some[] = {
        "request-multicast-control", "feature-sg", "mtu", "mac", "feature-no-csum-offload",
        "request-multicast-control"
    };

    raw_say(&attacker, some[below(6)], any_word());
}

/* The cases after which nothing is expected but that the interface can be connected again. */
static void index_jumps(void)
{
    static const uint32_t far[] = { 257, 1u << 16, 1u << 31, 0xffffffff };

    attacker.tx_at += below(2) ? far[below(4)] : noise();
}

static void receive_index_jumps(void)
{
    attacker.rx->header.rsp_prod = below(2) ? noise() : attacker.rx->header.rsp_prod;
    attacker.rx->header.req_prod = attacker.rx->header.rsp_prod + 257 + noise() % 0x7fffffff;
    event_port_notify(attacker.port);
    witness_send(4);
}

static void endless_chain(void)
{
    for (uint32_t i = 1 + below(250); i; i--)
        slot_put(any_page(), 0, NETTXF_more_data, i == 1 ? 65535 : below(200));
}

static void endless_extras(void)
{
    slot_put(any_page(), 0, NETTXF_extra_info, 100);
    for (uint32_t i = 1 + below(250); i; i--)
        extra_noise(1 + below(4), true);
}

static void unknown_extra(void)
{
    slot_put(any_page(), 0, NETTXF_extra_info, 100);
    extra_noise(below(2) ? 0 : 5 + below(251), below(2));
}

static void beyond_its_page(void)
{
    slot_put(any_page(), below(2) ? 4090 : noise(), 0, 65535 - below(61000));
}

static void larger_than_its_packet(void)
{
    slot_put(any_page(), 0, NETTXF_more_data, below(1000));
    slot_put(any_page(), 0, 0, 1001 + below(60000));
}

static void all_noise(void)
{
    for (uint32_t i = 0; i < RAW_SLOTS; i++)
        for (int word = 0; word < 3; word++)
            ((volatile uint32_t *)&attacker.tx->slots[i])[word] = noise();
    attacker.tx_at += below(257);
}

/* Slots that change while they are read. */
static void flips(void)
{
    uint64_t until = clock_monotonic_ns() + 200000;
    volatile union raw_tx_slot *slot = &attacker.tx->slots[attacker.tx_at % RAW_SLOTS];

    for (int i = 0; i < 64; i++)
        sizes();
    raw_tx_push(&attacker);
    event_port_notify(attacker.port);
    while (clock_monotonic_ns() < until)
        for (uint32_t i = 0; i < 64; i++) {
            slot->request.size = (uint16_t)(i & 1 ? 60 : noise());
            slot->request.offset = (uint16_t)(i & 2 ? 0 : noise());
            slot->request.flags = (uint16_t)(i & 4 ? 0 : noise());
        }
}

static void states(void)
{
    static const char *const some[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "x", "" };

    for (uint32_t i = 1 + below(12); i; i--)
        raw_say(&attacker, "state", some[below(12)]);
}

static void port_closed(void)
{
    event_port_close(attacker.port);
    sizes();
    raw_tx_push(&attacker);
    event_port_alloc_unbound(DOMID_SELF, 0, &attacker.port);
    event_port_set_handler(attacker.port, ignore, NULL);
    raw_say_number(&attacker, "event-channel", attacker.port);
}

static void node_removed(void)
{
    char path[64];

    ksnprintf(path, sizeof(path), "%s/%s", attacker.front, below(2) ? "state" : "tx-ring-ref");
    ask(XS_RM, 0, path, strlen(path) + 1);
    raw_nodes_write(&attacker);
}

/* Connects again with something that is not so, then tells the truth. */
static void other_nodes(void)
{
    static const char *const some[] = { "tx-ring-ref",     "rx-ring-ref",
                                        "event-channel",   "multi-queue-num-queues",
                                        "request-rx-copy", "event-channel-tx",
                                        "event-channel-rx" };
    const char *node = some[below(7)];
    grant_ref_t refs[] = { ended_ref, foreign_ref, read_only_ref, attacker.rx_ring_ref, noise() };
    char path[64];

    raw_leave(&attacker);
    if (below(2))
        raw_say(&attacker, node, any_word());
    else
        raw_say_number(&attacker, node, refs[below(5)]);
    raw_connect(&attacker);
    sizes();
    raw_tx_push(&attacker);
    ksnprintf(path, sizeof(path), "%s/%s", attacker.front, node);
    ask(XS_RM, 0, path, strlen(path) + 1);
    raw_nodes_write(&attacker);
}

static void (*const mild[])(void) = { sizes,         short_frames, chains,        references,
                                      headers,       headers,      segments,      extras,
                                      addresses,     thresholds,   unknown_flags, event_storm,
                                      receive_pages, nodes };
static void (*const fatal[])(void) = {
    index_jumps,     receive_index_jumps,    endless_chain, endless_extras, unknown_extra,
    beyond_its_page, larger_than_its_packet, all_noise,     flips,          states,
    port_closed,     node_removed,           other_nodes
};

static void mild_play(bool patient)
{
    mild[below(sizeof(mild) / sizeof(mild[0]))]();
    cases++;
    if (below(4) && raw_tx_room(&attacker) > 2 * CHAIN_MAX)
        return;
    raw_tx_push(&attacker);
    if (!patient)
        return;
    attacker.tx->header.rsp_event = attacker.tx_at;
    event_port_notify(attacker.port);
    if (!raw_wait_index(&attacker.tx->header.rsp_prod, attacker.tx_at, RAW_PATIENCE_NS))
        complain("no answer", attacker.tx_at - attacker.tx->header.rsp_prod);
    answers_look();
    witness_look();
}

static void connect_again(void)
{
    connections++;
    if (!raw_leave(&attacker) || !raw_connect(&attacker))
        complain("it cannot be connected again", raw_backend_state(&attacker));
    witness_look();
}

static void connection_play(unsigned long most)
{
    for (uint32_t i = below(2 * MILD_IN_A_ROW); i && cases < most; i--)
        mild_play(true);
    if (raw_tx_room(&attacker) < RAW_SLOTS - 2) {
        raw_tx_push(&attacker);
        event_port_notify(attacker.port);
    }
    fatal[below(sizeof(fatal) / sizeof(fatal[0]))]();
    cases++;
    raw_tx_push(&attacker);
    event_port_notify(attacker.port);
    if (below(2))
        raw_wait_index(&attacker.tx->header.rsp_prod, attacker.tx_at, MILLISECOND_NS);
    connect_again();
}

/* Requests on their way, pages given, and nobody any more. */
static void end(bool crash)
{
    struct sched_shutdown how = { .reason = crash ? SHUTDOWN_crash : SHUTDOWN_poweroff };

    connect_again();
    raw_rx_post(&attacker);
    witness_send(40);
    while (raw_tx_room(&attacker) > 2 * CHAIN_MAX)
        mild_play(false);
    raw_tx_push(&attacker);
    event_port_notify(attacker.port);
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
    grant_access_give(0, mfn, false, &scrap_ref);
}

void guest_main(struct start_info *si)
{
    const char *line = (const char *)si->cmd_line, *seed = word_next(line);
    const char *last = word_next(seed);
    unsigned long most = number(line);

    noise_state ^= (uint64_t)number(seed) << 32;
    raw_start();
    references_make();
    raw_open(&witness, 1);
    raw_open(&attacker, 0);
    for (uint32_t i = 0; i < RAW_SLOTS; i++)
        memset(witness.rx_pages[i], PATTERN, PAGE_SIZE);
    raw_rx_post(&witness);
    kprintf("net: begins\n");
    while (cases < most)
        connection_play(most);
    kprintf("net: %lu cases, %lu connections, %lu errors, %lu frames seen\n", cases, connections,
            errors, frames_seen);
    kprintf("hostile: net done\n");
    while (!strcmp(last, "on"))
        connection_play(-1UL);
    end(!strcmp(last, "crash"));
}

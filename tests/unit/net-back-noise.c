/*
 * The net backend's data path between two guests, of which one writes anything at any time: rings,
 * slots, pages, offloads.  A million slots of noise; what the other gets is checked.
 *
 * Sources: split-drivers/net/back/intake.c split-drivers/net/back/transmit.c
 * Sources: split-drivers/net/back/receive.c split-drivers/net/back/stash.c
 * Sources: dom0/network/switch.c dom0/network/batch.c dom0/network/tagging.c
 * Sources: dom0/network/fallback.c dom0/network/headers.c dom0/network/checksum.c
 * Sources: dom0/tasks/turns.c
 */
#include "net-back-world.h"

/* Noise: anything in rings and pages, indices included. */
static uint32_t noise(void)
{
    static uint64_t x = 88172645463325252ULL;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)(x >> 16);
}

static void noise_request(struct guest *guest)
{
    union vif_tx_slot *slot = tx_slot(guest);
    static const uint16_t sizes[] = { 0,   1,   13,  14,   15,   59,   60,   191,
                                      255, 256, 257, 1514, 4095, 4096, 4097, 65535 };

    slot->request.gref = noise() % 16 ? noise() % 250 : noise();
    slot->request.offset = (uint16_t)(noise() % 16 ? 0 : noise() % 256 ? noise() % 64 : noise());
    slot->request.flags = (uint16_t)(noise() % 128 ? noise() & 3 : noise());
    slot->request.id = (uint16_t)noise();
    slot->request.size = noise() % 16 ? (uint16_t)(noise() % 1600) : sizes[noise() % 14];
    if (noise() % 256 == 0) {
        slot->extra.type = (uint8_t)(noise() % 8 ? noise() % 5 : noise());
        slot->extra.flags = (uint8_t)(noise() % 2);
    }
}

static void noise_chain(struct guest *guest)
{
    uint32_t bytes = 54 + noise() % 30000, ref = noise() % 200;

    tx_request(guest, ref, 0, bytes,
               NETTXF_csum_blank | (noise() % 2 ? NETTXF_extra_info : 0) |
                   (bytes > PAGE_SIZE ? NETTXF_more_data : 0));
    if (guest->tx.slots[(guest->tx.header.req_prod - 1) % VIF_SLOTS].request.flags &
        NETTXF_extra_info) {
        union vif_tx_slot *extra = tx_slot(guest);

        extra->extra.type = XEN_NETIF_EXTRA_TYPE_GSO;
        extra->extra.u.gso.type = (uint8_t)(noise() % 3);
        extra->extra.u.gso.size = (uint16_t)(noise() % 2 ? noise() : 200 + noise() % 1300);
    }
    for (uint32_t at = PAGE_SIZE; at < bytes; at += PAGE_SIZE)
        tx_request(guest, ref + at / PAGE_SIZE, 0, bytes - at < PAGE_SIZE ? bytes - at : PAGE_SIZE,
                   at + PAGE_SIZE < bytes ? NETTXF_more_data : 0);
}

static void noise_pages(void)
{
    unsigned int ref = noise() % 250;

    frame_write(&a, ref, 60, noise() % 8 ? mac_b : mac_a);
    if (noise() % 2)
        tcp_header(&a, ref);
    if (noise() % 4 == 0)
        fake_pages[1][ref][6 + noise() % 60] = (uint8_t)noise();
    if (noise() % 64 == 0 || !fake_grants[1][ref])
        fake_grants[1][ref] = fake_grants[1][ref] ? FAKE_REFUSED : FAKE_READ;
}

/* Every slot that B is given holds a frame for it, from A, as long as it says. */
static void b_reads(unsigned long *frames)
{
    int bytes;

    while ((bytes = rx_take(&b)) != -ENOENT) {
        if (bytes < 0)
            continue;
        assert_true(bytes >= 14);
        assert_memory_equal(received + 6, mac_a, 6);
        assert_true(!memcmp(received, mac_b, 6) || received[0] & 1 ||
                    memcmp(received, mac_a, 6) != 0);
        ++*frames;
    }
}

static void noise_ends_in_answers(void **state)
{
    unsigned long slots = 0, frames = 0, restarts = 0;

    for (unsigned int ref = 0; ref < 250; ref++)
        frame_write(&a, ref, PAGE_SIZE, mac_b);
    while (slots < 1000000) {
        uint32_t before = a.tx.header.req_prod;

        b.vif.port.takes = (uint16_t)(noise() % 16);
        noise_pages();
        if (noise() % 4)
            for (unsigned int i = noise() % 24; i; i--)
                noise_request(&a);
        else
            noise_chain(&a);
        if (noise() % 1024 == 0)
            a.tx.header.req_prod = noise();
        a.tx.header.rsp_event = noise() % 2 ? a.queue.tx_answered + 1 : noise();
        slots += a.tx.header.req_prod - before < VIF_SLOTS ? a.tx.header.req_prod - before : 0;
        rx_post(&b, VIF_SLOTS - (b.rx.header.req_prod - b.rx.header.rsp_prod));
        while (!a.vif.broken && transmit_round(&a.queue)) {
            receive_kept(&b.queue);
            b_reads(&frames);
        }
        assert_null(b.vif.broken);
        fake_now += 1000;
        if (!a.vif.broken) {
            assert_int_equal(a.tx.header.rsp_prod, a.tx.header.req_prod);
            continue;
        }
        restarts++;
        teardown(state);
        setup(state);
    }
    printf("%lu slots, %lu frames delivered, %lu broken connections\n", slots, frames, restarts);
    assert_true(frames > 100000 && restarts > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(noise_ends_in_answers, setup, teardown),
    };

    return cmocka_run_group_tests_name("net-back-noise", tests, NULL, NULL);
}

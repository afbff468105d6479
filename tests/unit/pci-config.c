/*
 * PCI's configuration space in memory, on a made-up machine: which of the firmware's words about it
 * are believed, what is found by it, and that the ports are left where it is wrong.
 *
 * Sources: dom0/devices/pci.c dom0/devices/pci-config.c dom0/devices/pci-names.c
 * dom0/devices/pci-roots.c
 *
 * Flags: -include tests/unit/fake-hypercalls.h
 */
#include "fake-pci.h"

static struct pci_device *found; /* by the last start */

static void start(int segment_0, int segment_1)
{
    struct pci_device *last = pci_devices_first();

    while (last && last->next)
        last = last->next;
    memory_0 = segment_0;
    memory_1 = segment_1;
    machine_make();
    mapped = maps_of[0] = maps_of[1] = 0;
    memset(told, 0, sizeof(told));
    memset(added, 0, sizeof(added));
    added_old = 0;
    pci_start();
    found = last ? last->next : pci_devices_first();
}

static void both_windows(void)
{
    mcfg_clear();
    mcfg_add(BASE_1, 1, 0x10, 0x1f);
    mcfg_add(BASE_0, 0, 0, 0x1f);
}

static struct pci_device *device_of(unsigned int model)
{
    const struct model *m = &models[model];

    for (struct pci_device *d = found; d; d = d->next)
        if (d->segment == m->segment && d->bus == m->bus && d->slot == m->slot &&
            d->function == m->function)
            return d;
    return NULL;
}

/* Before the first test that finds another segment's. */
static void one_segment_has_short_places(void **state)
{
    char place[PCI_PLACE_BYTES];

    (void)state;
    mcfg_bytes = 0;
    start(RIGHT, RIGHT);
    assert_int_equal(added[0], 3);
    assert_int_equal(added[1] + told[0] + told[1], 0);
    assert_int_equal(maps_of[0] + maps_of[1], 0);
    pci_short_place(device_of(2), place);
    assert_string_equal(place, "01:00.0");
    pci_place(device_of(2), place);
    assert_string_equal(place, "0000:01:00.0");
}

static void both_segments_are_found(void **state)
{
    static const unsigned int order[] = { 0, 1, 2, 3, 6, 7, 4, 5, 9 };
    struct pci_device *d;
    char place[PCI_PLACE_BYTES];

    (void)state;
    both_windows();
    add_error = -XEN_ENOSYS;
    start(RIGHT, RIGHT);
    add_error = 0;
    d = found;
    for (unsigned int i = 0; i < sizeof(order) / sizeof(*order); i++, d = d->next)
        assert_ptr_equal(d, device_of(order[i]));
    assert_null(d);
    assert_int_equal(added[0], 3);
    assert_int_equal(added[1], 6);
    assert_int_equal(added_old, 3); /* that call knows no segments */
    assert_int_equal(told[0], 1);
    assert_int_equal(told[1], 1);
    assert_int_equal(mapped, 9); /* what is not there is not mapped */
    assert_int_equal(maps_of[0], 3);
    pci_short_place(device_of(5), place);
    assert_string_equal(place, "0001:10:05.3");
    pci_short_place(device_of(0), place);
    assert_string_equal(place, "0000:00:00.0");
}

/* Of the same buses as segment 1. */
static void a_segment_in_two_windows(void **state)
{
    (void)state;
    mcfg_clear();
    mcfg_add(BASE_2, 2, 0x18, 0x1f);
    mcfg_add(BASE_1, 1, 0x10, 0x1f);
    mcfg_add(BASE_2, 2, 0x10, 0x17);
    start(RIGHT, RIGHT);
    assert_int_equal(added[0], 3);
    assert_int_equal(added[1], 6);
    assert_int_equal(added[2], 2); /* its second bus has been shown by a bridge */
    assert_int_equal(told[2], 2);
}

static void registers_behind_the_first_256(void **state)
{
    const struct pci_device *d;

    (void)state;
    both_windows();
    start(RIGHT, RIGHT);
    for (unsigned int i = 0; i < MODELS; i++)
        assert_true(!device_of(i) || pci_read(device_of(i), 0x100, 4) == i);
    d = device_of(7);
    pci_write(d, 0xffc, 4, 0x12345678);
    assert_int_equal(get32(registers[7] + 0xffc), 0x12345678);
    assert_int_equal(pci_read(d, 0xffe, 2), 0x1234);
    assert_int_equal(pci_read(d, 0xffd, 1), 0x56);
    pci_write(d, 0xffc, 2, 0xaaaa9999);
    pci_write(d, 0xfff, 1, 0xee);
    assert_int_equal(get32(registers[7] + 0xffc), 0xee349999);
    pci_write(d, 4096, 4, 0);
    assert_int_equal(pci_read(d, 4096, 4), UINT32_MAX);
    assert_int_equal(pci_read(d, UINT32_MAX - 3, 4), UINT32_MAX);
    assert_int_equal(pci_read(d, 4096, 1), 0xff);
}

static void ports_have_256(void **state)
{
    const struct pci_device *d;
    struct pci_device elsewhere = { .segment = 1 };

    (void)state;
    mcfg_bytes = 0;
    start(RIGHT, RIGHT);
    d = device_of(0);
    pci_write(d, 0xfc, 4, 0x12345678);
    assert_int_equal(pci_read(d, 0xfe, 2), 0x1234);
    pci_write(d, 0x100, 4, 1);
    pci_write(d, 0x102, 2, 1);
    assert_int_equal(pci_read(d, 0, 4), models[0].id); /* what the port would take that for */
    assert_int_equal(pci_read(d, 0x100, 4), UINT32_MAX);
    assert_int_equal(pci_read(d, 0x102, 2), 0xffff);
    pci_write(&elsewhere, 0, 4, 1);
    assert_int_equal(pci_read(&elsewhere, 0, 4), UINT32_MAX);
    assert_int_equal(pci_read(d, 0, 4), models[0].id);
}

static void a_window_that_shows_others(void **state)
{
    (void)state;
    both_windows();
    start(SHIFTED, RIGHT);
    assert_int_equal(added[0], 3);
    assert_int_equal(added[1], 6);
    assert_int_equal(told[0], 0);
    assert_int_equal(maps_of[0], 1); /* it is not asked again */
    assert_int_equal(mapped, 6);
    assert_null(device_of(0)->config);
    assert_int_equal(pci_read(device_of(2), 0, 4), models[2].id);
    assert_int_equal(pci_read(device_of(2), 0x100, 4), UINT32_MAX);
}

static void a_window_in_ram(void **state)
{
    (void)state;
    both_windows();
    start(RAM, RIGHT);
    assert_int_equal(added[0], 3);
    assert_int_equal(maps_of[0], 1);
    assert_int_equal(told[0], 0);
    assert_int_equal(pci_read(device_of(2), 0, 4), models[2].id);
    start(RIGHT, RAM);
    assert_int_equal(added[0], 3);
    assert_int_equal(added[1], 0);
    assert_int_equal(maps_of[1], 1);
    assert_int_equal(told[1], 0);
}

static void a_window_that_shows_nothing(void **state)
{
    (void)state;
    both_windows();
    start(RIGHT, ZEROS);
    assert_int_equal(added[1], 0);
    assert_int_equal(told[1], 0);
    assert_int_equal(mapped, 3);
}

static void a_bus_outside_its_window(void **state)
{
    (void)state;
    mcfg_clear();
    mcfg_add(BASE_0, 0, 1, 0x1f);
    start(RIGHT, RIGHT);
    assert_int_equal(added[0], 3);
    assert_int_equal(told[0], 1);
    assert_int_equal(mapped, 1);
    assert_null(device_of(0)->config);
    assert_null(device_of(1)->config);
    assert_int_equal(pci_read(device_of(2), 0x100, 4), 2); /* of bus 1 */
}

struct entry {
    uint64_t base;
    uint16_t segment;
    uint8_t first, last;
};

static unsigned int windows_of(const struct entry *entries, unsigned int count)
{
    unsigned int windows = 0;

    mcfg_clear();
    for (unsigned int i = 0; i < count; i++)
        mcfg_add(entries[i].base, entries[i].segment, entries[i].first, entries[i].last);
    pci_config_start();
    while (pci_window(windows))
        windows++;
    return windows;
}

#define WINDOWS(...)                                  \
    windows_of((const struct entry[]){ __VA_ARGS__ }, \
               sizeof((const struct entry[]){ __VA_ARGS__ }) / sizeof(struct entry))

static void words_that_cannot_be(void **state)
{
    (void)state;
    assert_int_equal(WINDOWS({ BASE_0, 0, 0, 255 }), 1);
    assert_int_equal(WINDOWS({ BASE_0, 0, 255, 255 }), 1);
    assert_int_equal(WINDOWS({ 0, 0, 0, 255 }), 0);
    assert_int_equal(WINDOWS({ BASE_0 + 0x80000, 0, 0, 255 }), 0);
    assert_int_equal(WINDOWS({ 1ULL << 52, 0, 0, 255 }), 0);
    assert_int_equal(WINDOWS({ (1ULL << 52) - (128 << 20), 0, 0, 255 }), 0);
    assert_int_equal(WINDOWS({ UINT64_MAX << 20, 0, 0, 255 }), 0);
    assert_int_equal(WINDOWS({ BASE_0, 0, 1, 0 }), 0);
}

static void words_that_contradict_each_other(void **state)
{
    (void)state;
    assert_int_equal(WINDOWS({ BASE_0, 0, 0, 255 }, { BASE_0, 0, 0, 255 }), 1);
    assert_int_equal(WINDOWS({ BASE_0, 0, 0, 16 }, { BASE_1, 0, 16, 255 }), 1);
    assert_int_equal(pci_window(0)->base, BASE_0); /* the first has it */
    assert_int_equal(WINDOWS({ BASE_0, 0, 0, 15 }, { BASE_1, 0, 16, 255 }), 2);
    assert_int_equal(WINDOWS({ BASE_0, 0, 0, 255 }, { BASE_0, 1, 0, 255 }), 1);
    assert_int_equal(WINDOWS({ BASE_0, 0, 0, 16 }, { BASE_0 + (8 << 20), 1, 8, 9 }), 1);
    assert_int_equal(WINDOWS({ BASE_0, 0, 0, 15 }, { BASE_0 + (8 << 20), 1, 8, 9 }), 2);
    /* In order, whatever the table's is. */
    assert_int_equal(WINDOWS({ BASE_1, 7, 0, 9 }, { BASE_0, 0, 9, 9 }, { BASE_0, 0, 0, 8 },
                             { 1 << 30, 3, 0, 0 }),
                     4);
    assert_int_equal(pci_window(0)->last_bus, 8);
    assert_int_equal(pci_window(1)->last_bus, 9);
    assert_int_equal(pci_window(2)->segment, 3);
    assert_int_equal(pci_window(3)->segment, 7);
}

static void tables_of_any_length(void **state)
{
    (void)state;
    both_windows();
    for (uint32_t bytes = ACPI_HEADER_BYTES; bytes <= 44 + 2 * 16; bytes++) {
        mcfg_bytes = bytes;
        pci_config_start();
        assert_int_equal(pci_window(0) != NULL, bytes >= 44 + 16);
        assert_int_equal(pci_window(1) != NULL, bytes == 44 + 2 * 16);
    }
    mcfg_clear();
    for (unsigned int i = 0; i < 300; i++)
        mcfg_add(BASE_1 + ((uint64_t)i << 28), (uint16_t)i, 0, 255);
    pci_config_start();
    assert_non_null(pci_window(255));
    assert_null(pci_window(256));
}

static void messages_of_another_segment(void **state)
{
    struct pci_device *d;
    uint32_t port;

    (void)state;
    both_windows();
    start(RIGHT, RIGHT);
    d = device_of(IN_MSI);
    assert_int_equal(pci_bind_msix(d, 2, &port), 0);
    assert_int_equal(port, 7);
    assert_int_equal(message.type, MAP_PIRQ_TYPE_MSI_SEG);
    assert_int_equal(message.bus, 1 << 16 | 0x18);
    assert_int_equal(message.devfn, 1 << 3);
    assert_int_equal(message.entry_nr, 2);
    assert_int_equal(message.table_base, 0xfeb00000 + TABLE_AT);
    assert_int_equal(get32(registers[IN_MSI] + MSIX_AT) >> 30, 2); /* on, and not masked */
    /* Where the firmware gave it no place, or among the ports, no table is named. */
    message.table_base = 0;
    d->bar_is_io[get32(registers[IN_MSI] + MSIX_AT + 4) & 7] = true;
    assert_int_equal(pci_bind_msix(d, 2, &port), -XEN_ENODEV);
    d->bar_is_io[get32(registers[IN_MSI] + MSIX_AT + 4) & 7] = false;
    d->bar[get32(registers[IN_MSI] + MSIX_AT + 4) & 7] = 0;
    assert_int_equal(pci_bind_msix(d, 2, &port), -XEN_ENODEV);
    assert_int_equal(message.table_base, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_segment_has_short_places),
        cmocka_unit_test(both_segments_are_found),
        cmocka_unit_test(a_segment_in_two_windows),
        cmocka_unit_test(registers_behind_the_first_256),
        cmocka_unit_test(ports_have_256),
        cmocka_unit_test(a_window_that_shows_others),
        cmocka_unit_test(a_window_in_ram),
        cmocka_unit_test(a_window_that_shows_nothing),
        cmocka_unit_test(a_bus_outside_its_window),
        cmocka_unit_test(words_that_cannot_be),
        cmocka_unit_test(words_that_contradict_each_other),
        cmocka_unit_test(tables_of_any_length),
        cmocka_unit_test(messages_of_another_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

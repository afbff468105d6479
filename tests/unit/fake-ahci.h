/*
 * Two AHCI controllers as AHCI 1.3.1 describes them, as far as the driver uses them, with disks
 * as ACS-3 does: one that knows 64-bit addresses and one that does not.  Commands run when the
 * devices do, unless a port holds them; interrupts come at once.
 */
#ifndef TESTS_UNIT_FAKE_AHCI_H
#define TESTS_UNIT_FAKE_AHCI_H

#include "drive-world.h"
#include "devices/ahci-parts.h"
#include "devices/pci-lines.h"

#define HBAS           2u
#define PORTS          6u
#define LOG            256u
#define STORAGE        (256u << 10)
#define SIGNATURE_CD   0xeb140101u
#define COMMAND_NCQ(c) ((c) == ATA_READ_QUEUED || (c) == ATA_WRITE_QUEUED)

struct fake_port {
    bool present, not_ready, queues, trims, large, sticks, aborts_trim;
    uint32_t signature;
    char serial[21];
    /* The test's wishes. */
    uint32_t holds; /* slots that are not answered */
    bool holds_all;
    uint64_t bad_first, bad_sectors; /* in its sectors */
    /* What it has seen. */
    struct seen {
        uint8_t command;
        uint8_t device;
        uint64_t lba;
        uint32_t count;
    } seen[LOG];
    unsigned int seen_count, resets;
    /* Registers and state. */
    uint32_t list, list_high, is, ie, cmd, tfd, ssts, sctl, serr, sact, ci;
    bool in_error;
    char storage[STORAGE];
};

struct fake_hba {
    struct pci_device pci;
    uint32_t cap, ghc, is, bohc;
    struct fake_port ports[PORTS];
    pci_line_handler handler;
    void *handler_arg;
    bool cut_off;
};

static struct fake_hba hbas[HBAS] = {
    { .pci = { .class_code = 1, .subclass = 6, .interface = 1, .slot = 0x1f, .function = 2 },
      .cap = CAP_64BIT | CAP_NCQ | 31u << 8 | 5,
      .ports = { [0] = { .present = true, .queues = true, .trims = true, .serial = "one" },
                 [2] = { .present = true, .signature = SIGNATURE_CD },
                 [3] = { .present = true, .large = true, .serial = "large" },
                 [4] = { .present = true, .not_ready = true, .serial = "slow" },
                 [5] = { .present = true, .queues = true, .serial = "pulled" } } },
    { .pci = { .class_code = 1, .subclass = 6, .interface = 1, .slot = 3 },
      .cap = CAP_NCQ | CAP_STAGGERED_SPIN_UP | 3u << 8 | 1,
      .bohc = BOHC_BIOS_OWNS,
      .ports = { [0] = { .present = true, .queues = true, .serial = "narrow" },
                 [1] = { .present = true, .serial = "swapped" } } },
};

struct pci_device *pci_devices_first(void)
{
    hbas[0].pci.next = &hbas[1].pci;
    return &hbas[0].pci;
}

static struct fake_hba *hba_of(const struct pci_device *pci)
{
    return (struct fake_hba *)(uintptr_t)pci;
}

int pci_map_bar(const struct pci_device *device, unsigned int bar, void **va)
{
    assert_int_equal(bar, 5);
    *va = hba_of(device);
    return 0;
}

void pci_enable(struct pci_device *device)
{
    hba_of(device)->cut_off = false;
}

void pci_disable(struct pci_device *device)
{
    hba_of(device)->cut_off = true;
}

/* The first has MSI-X, the second its line. */
static struct fake_hba *binding;

int pci_bind_msix(struct pci_device *device, unsigned int entry, uint32_t *port)
{
    assert_int_equal(entry, 0);
    binding = hba_of(device);
    *port = 5;
    return device == &hbas[0].pci ? 0 : -ENODEV;
}

int pci_bind_msi(const struct pci_device *device, pci_line_handler handler, void *arg)
{
    (void)device, (void)handler, (void)arg;
    return -ENODEV;
}

static event_handler_t message;

static void message_comes(void *arg)
{
    message(5, arg);
}

void event_port_set_handler(evtchn_port_t port, event_handler_t handler, void *arg)
{
    assert_int_equal(port, 5);
    message = handler;
    binding->handler = message_comes;
    binding->handler_arg = arg;
}

int pci_bind_line(struct pci_device *device, pci_line_handler handler, void *arg)
{
    hba_of(device)->handler = handler;
    hba_of(device)->handler_arg = arg;
    return 0;
}

/* Links. */

static void link_up(struct fake_port *port)
{
    port->ssts = port->present ? 0x123 : 0;
    port->tfd = port->not_ready ? 0x80 : 0x50;
    port->in_error = false;
}

static void link_down(struct fake_port *port)
{
    port->ssts = 0;
    port->tfd = 0x7f;
    port->sact = port->ci = 0;
    port->resets++;
}

/* Commands. */

static void identity_make(const struct fake_port *port, uint16_t *words)
{
    static const char model[41] = "FAKE  DISK/1                            ";
    char serial[21];
    uint8_t sum = 0xa5;

    snprintf(serial, sizeof(serial), "%20s", port->serial);
    memset(words, 0, 512);
    for (unsigned int i = 0; i < 10; i++)
        words[10 + i] = (uint16_t)((uint8_t)serial[2 * i] << 8 | (uint8_t)serial[2 * i + 1]);
    for (unsigned int i = 0; i < 20; i++)
        words[27 + i] = (uint16_t)((uint8_t)model[2 * i] << 8 | (uint8_t)model[2 * i + 1]);
    words[75] = 31;
    words[76] = port->queues ? 0x100 : 0;
    words[83] = 0x4400;
    words[84] = 0x4000;
    words[85] = 0x20;
    words[100] = STORAGE / (port->large ? 4096 : 512);
    words[106] = port->large ? 0x5000 : 0x6003;
    words[117] = port->large ? 2048 : 0;
    words[169] = port->trims;
    words[255] = 0xa5;
    for (unsigned int i = 0; i < 256; i++)
        sum = (uint8_t)(sum + (i < 255 ? words[i] + (words[i] >> 8) : 0));
    words[255] |= (uint16_t)((uint16_t)(uint8_t)-sum << 8);
}

static const uint8_t *fis_of(const struct fake_port *port, unsigned int slot)
{
    const struct ahci_header *list = memory_at(port->list, 1024);
    const struct ahci_table *table =
        memory_at(list[slot].table_low | (uint64_t)list[slot].table_high << 32, sizeof(*table));

    assert_int_equal(list[slot].flags & 31, HEADER_FIS_WORDS);
    assert_int_equal(list[slot].table_low % 128, 0);
    assert_int_equal(table->fis[0], 0x27);
    assert_int_equal(table->fis[1], 0x80);
    return table->fis;
}

/* Between its memory and `data`. */
static void data_move(const struct fake_port *port, unsigned int slot, char *data, size_t bytes,
                      bool to_disk)
{
    const struct ahci_header *header = &((struct ahci_header *)memory_at(port->list, 1024))[slot];
    const struct ahci_table *table =
        memory_at(header->table_low | (uint64_t)header->table_high << 32, sizeof(*table));
    unsigned int pieces = header->flags >> 16;

    assert_true(pieces <= AHCI_PIECES);
    assert_int_equal(!!(header->flags & HEADER_WRITE), to_disk);
    for (unsigned int i = 0; i < pieces; i++) {
        const struct ahci_piece *piece = &table->pieces[i];
        uint32_t part = (piece->last_byte & 0x3fffff) + 1;
        char *at = memory_at(piece->low | (uint64_t)piece->high << 32, part);

        assert_int_equal(piece->last_byte >> 22, 0);
        assert_true(part <= bytes);
        memcpy(to_disk ? data : at, to_disk ? at : data, part);
        data += part;
        bytes -= part;
    }
    assert_int_equal(bytes, 0);
}

static void seen_add(struct fake_port *port, const uint8_t *fis)
{
    struct seen *seen = &port->seen[port->seen_count++ % LOG];

    *seen = (struct seen){ .command = fis[2], .device = fis[7] };
    for (unsigned int i = 0; i < 3; i++)
        seen->lba |= (uint64_t)fis[4 + i] << (8 * i) | (uint64_t)fis[8 + i] << (24 + 8 * i);
    seen->count =
        COMMAND_NCQ(fis[2]) ? fis[3] | (uint32_t)fis[11] << 8 : fis[12] | (uint32_t)fis[13] << 8;
}

static void trim(struct fake_port *port, unsigned int slot)
{
    uint64_t ranges[64];

    data_move(port, slot, (char *)ranges, sizeof(ranges), true);
    for (unsigned int i = 0; i < 64; i++) {
        uint64_t lba = ranges[i] & 0xffffffffffff, sectors = ranges[i] >> 48;

        assert_true((lba + sectors) * 512 <= STORAGE);
        memset(port->storage + lba * 512, 0, sectors * 512);
    }
}

/* False: it fails. */
static bool command_run(struct fake_port *port, unsigned int slot)
{
    const uint8_t *fis = fis_of(port, slot);
    const struct seen *seen;
    uint32_t own = port->large ? 4096 : 512;
    uint16_t words[256];
    char *data;

    seen_add(port, fis);
    seen = &port->seen[(port->seen_count - 1) % LOG];
    data = port->storage + seen->lba * own;
    switch (seen->command) {
    case ATA_IDENTIFY:
        identity_make(port, words);
        data_move(port, slot, (char *)words, 512, false);
        return true;
    case ATA_FLUSH_CACHE_EXT:
        return true;
    case ATA_DATA_SET_MANAGEMENT:
        if (!port->aborts_trim)
            trim(port, slot);
        return !port->aborts_trim;
    case ATA_READ_DMA_EXT:
    case ATA_WRITE_DMA_EXT:
    case ATA_READ_QUEUED:
    case ATA_WRITE_QUEUED:
        assert_true((seen->lba + seen->count) * own <= STORAGE);
        if (seen->lba < port->bad_first + port->bad_sectors &&
            port->bad_first < seen->lba + seen->count)
            return false;
        data_move(port, slot, data, seen->count * own,
                  seen->command == ATA_WRITE_DMA_EXT || seen->command == ATA_WRITE_QUEUED);
        return true;
    default:
        fail();
        return false;
    }
}

static void slot_run(struct fake_port *port, unsigned int slot)
{
    uint8_t command = fis_of(port, slot)[2];
    bool queued = COMMAND_NCQ(command);

    if (queued) {
        assert_true(port->queues && port->sact >> slot & 1);
        assert_int_equal(fis_of(port, slot)[12] >> 3, slot);
    }
    if (port->in_error || !command_run(port, slot)) {
        port->in_error |= queued;
        port->tfd = 0x0441;
        port->is |= 1u << 30;
        return;
    }
    port->tfd = 0x50;
    port->is |= queued ? IS_SET_BITS : IS_DEVICE_TO_HOST;
    port->ci &= ~(1u << slot);
    port->sact &= ~(1u << slot);
}

static void port_run(struct fake_port *port)
{
    for (unsigned int slot = 0; slot < 32 && port->cmd & CMD_LIST_RUNS; slot++)
        if (port->ci >> slot & 1 && !port->holds_all && !(port->holds >> slot & 1) &&
            !(port->is & 1u << 30))
            slot_run(port, slot);
}

static void devices_run(void)
{
    for (unsigned int h = 0; h < HBAS; h++) {
        struct fake_hba *hba = &hbas[h];

        if (hba->bohc & BOHC_OS_OWNS)
            hba->bohc &= ~BOHC_BIOS_OWNS;
        hba->ghc &= ~GHC_RESET;
        for (unsigned int n = 0; n < PORTS; n++) {
            if (!hba->cut_off)
                port_run(&hba->ports[n]);
            if (hba->ports[n].is & hba->ports[n].ie)
                hba->is |= 1u << n;
        }
        if (hba->is && hba->ghc & GHC_INTERRUPTS)
            hba->handler(hba->handler_arg);
    }
}

/* Registers. */

static struct fake_hba *hba_at(const struct ahci *ahci)
{
    return (struct fake_hba *)(uintptr_t)ahci->registers;
}

uint32_t ahci_read(const struct ahci *ahci, unsigned int offset)
{
    const struct fake_hba *hba = hba_at(ahci);

    switch (offset) {
    case HBA_CAP:
        return hba->cap;
    case HBA_GHC:
        return hba->ghc;
    case HBA_IS:
        return hba->is;
    case HBA_PI:
        return (2u << (hba->cap & 31)) - 1;
    case HBA_CAP2:
        return hba == &hbas[1];
    default:
        assert_int_equal(offset, HBA_BOHC);
        return hba->bohc;
    }
}

void ahci_write(const struct ahci *ahci, unsigned int offset, uint32_t value)
{
    struct fake_hba *hba = hba_at(ahci);

    if (offset == HBA_GHC)
        hba->ghc = value;
    else if (offset == HBA_IS)
        hba->is &= ~value;
    else if (offset == HBA_BOHC)
        hba->bohc = value;
    else
        assert_int_equal(offset, HBA_PI);
}

uint32_t ahci_port_read(const struct ahci_port *of, unsigned int offset)
{
    const struct fake_port *port = &hba_at(of->ahci)->ports[of->number];

    switch (offset) {
    case PX_IS:
        return port->is;
    case PX_CMD:
        return port->cmd;
    case PX_TFD:
        return port->tfd;
    case PX_SIG:
        return port->signature ? port->signature : SIGNATURE_DISK;
    case PX_SSTS:
        return port->ssts;
    case PX_SACT:
        return port->sact;
    default:
        assert_int_equal(offset, PX_CI);
        return port->ci;
    }
}

static void cmd_write(const struct fake_hba *hba, struct fake_port *port, uint32_t value)
{
    bool spins = value & CMD_SPIN_UP && !(port->cmd & CMD_SPIN_UP);
    uint32_t shown = CMD_LIST_RUNS | CMD_RECEIVES;

    (void)hba;
    if (!(value & CMD_START) && port->cmd & CMD_START && !port->sticks)
        port->ci = port->sact = 0;
    if (value & CMD_START && !(port->cmd & CMD_START))
        assert_true(value & CMD_RECEIVE && !(port->tfd & 0x88) && port->list);
    shown &= port->sticks ? port->cmd : 0;
    port->cmd = (value & ~(CMD_LIST_RUNS | CMD_RECEIVES)) | shown |
                (value & CMD_START ? CMD_LIST_RUNS : 0) | (value & CMD_RECEIVE ? CMD_RECEIVES : 0);
    if (spins)
        link_up(port);
}

/* What is queued and what is not is never in flight together (AHCI 1.3.1, 5.6.4). */
static void issued(struct fake_port *port, uint32_t slots)
{
    assert_true(port->cmd & CMD_START);
    assert_int_equal(port->ci & slots, 0);
    port->ci |= slots;
    if (port->ci & ~port->sact) {
        assert_int_equal(port->sact, 0);
        assert_int_equal(port->ci & (port->ci - 1), 0);
    }
}

void ahci_port_write(const struct ahci_port *of, unsigned int offset, uint32_t value)
{
    struct fake_hba *hba = hba_at(of->ahci);
    struct fake_port *port = &hba->ports[of->number];

    switch (offset) {
    case PX_CLB:
        port->list = value;
        break;
    case PX_CLBU:
        assert_true(!value || hba->cap & CAP_64BIT);
        break;
    case PX_IS:
        port->is &= ~value;
        break;
    case PX_IE:
        port->ie = value;
        break;
    case PX_CMD:
        cmd_write(hba, port, value);
        break;
    case PX_SCTL:
        if ((port->sctl & 15) == 1 && !(value & 15))
            link_up(port);
        if ((value & 15) == 1)
            link_down(port);
        port->sctl = value;
        break;
    case PX_SERR:
        port->serr &= ~value;
        if (value & SERR_LINK)
            port->is &= ~IS_LINK;
        break;
    case PX_SACT:
        assert_true(port->cmd & CMD_START);
        port->sact |= value;
        break;
    case PX_CI:
        issued(port, value);
        break;
    default:
        break;
    }
}

#endif

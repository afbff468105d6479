/*
 * An AHCI port and its link: memory, power, who is there, stopping and starting (AHCI 1.3.1,
 * chapter 10).
 */
#include "devices/ahci-parts.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/frames.h"
#include "tasks/task.h"
#include <errno.h>
#include <string.h>

#define MS          1000000ULL
#define NOBODY_NS   (100 * MS)  /* without a sign of a device: nothing is plugged in */
#define CONNECT_NS  (1000 * MS) /* from a first sign to a link */
#define READY_MS    10000u      /* a disk's motor takes its time */
#define STOP_MS     500u        /* 10.1.2 */
#define IDENTIFY_MS 5000u
#define COMRESET_NS (2 * MS) /* 10.4.2: at least one millisecond */
#define CLEAR_NS    MS       /* without sleeping */
#define FOUR_GIB    (1ULL << 32)

/* Until the register has none of these bits.  -EIO. */
static int await_clear(const struct ahci_port *port, unsigned int offset, uint32_t bits,
                       unsigned int ms)
{
    for (unsigned int i = 0; ahci_port_read(port, offset) & bits; i++) {
        if (i == ms)
            return -EIO;
        task_sleep_ns(MS);
    }
    return 0;
}

static void command_change(const struct ahci_port *port, uint32_t clear, uint32_t set)
{
    ahci_port_write(port, PX_CMD, (ahci_port_read(port, PX_CMD) & ~clear) | set);
}

/* A page that the controller reaches, or NULL.  One that it does not is not looked for again. */
static void *page_make(const struct ahci_port *port)
{
    void *page = frames_alloc(0);

    if (!page || port->ahci->capabilities & CAP_64BIT ||
        frames_virt_to_machine(page) + PAGE_SIZE <= FOUR_GIB)
        return page;
    frames_free(page, 0);
    return NULL;
}

static int memory_make(struct ahci_port *port)
{
    port->memory = page_make(port);
    if (!port->memory)
        return -ENOMEM;
    for (unsigned int slot = 0; slot < AHCI_SLOTS_MAX; slot += 2) {
        struct ahci_table *tables = page_make(port);

        if (!tables)
            return -ENOMEM;
        port->tables[slot] = tables;
        port->tables[slot + 1] = tables + 1;
    }
    return 0;
}

static void memory_tell(const struct ahci_port *port)
{
    uint64_t list = frames_virt_to_machine(port->memory->list);
    uint64_t received = frames_virt_to_machine(port->memory->received);

    ahci_port_write(port, PX_CLB, (uint32_t)list);
    ahci_port_write(port, PX_CLBU, (uint32_t)(list >> 32));
    ahci_port_write(port, PX_FB, (uint32_t)received);
    ahci_port_write(port, PX_FBU, (uint32_t)(received >> 32));
}

static void spin_up(struct ahci_port *port)
{
    command_change(port, 0, CMD_SPIN_UP);
    port->powered = clock_monotonic_ns();
}

int ahci_port_open(struct ahci_port *port)
{
    int error = memory_make(port);

    if (error)
        return error;
    memory_tell(port);
    ahci_port_write(port, PX_IE, 0);
    ahci_port_write(port, PX_SCTL, SCTL_NO_SLEEP);
    command_change(port, 0, CMD_RECEIVE | CMD_POWER_ON | CMD_ACTIVE);
    if (!(port->ahci->capabilities & CAP_STAGGERED_SPIN_UP))
        spin_up(port);
    return 0;
}

static void errors_clear(const struct ahci_port *port)
{
    ahci_port_write(port, PX_SERR, ~0u);
    ahci_port_write(port, PX_IS, ~0u);
}

int ahci_port_connect(struct ahci_port *port)
{
    if (!port->powered)
        spin_up(port);
    for (;;) {
        uint64_t waited = clock_monotonic_ns() - port->powered;
        uint32_t detected = SSTS_DETECTED(ahci_port_read(port, PX_SSTS));

        if (detected == DETECTED_WORKS)
            break;
        if (waited > (detected == DETECTED_NONE ? NOBODY_NS : CONNECT_NS))
            return -ENODEV;
        task_sleep_ns(MS);
    }
    errors_clear(port); /* or the registers below do not follow the device */
    return 0;
}

int ahci_port_await(struct ahci_port *port, uint32_t *signature)
{
    *signature = SIGNATURE_DISK;
    if (await_clear(port, PX_TFD, TFD_BUSY | TFD_DATA, READY_MS))
        return -ETIMEDOUT;
    *signature = ahci_port_read(port, PX_SIG);
    return 0;
}

/* The command in slot 0, before there are others. */
static int command_poll(const struct ahci_port *port)
{
    uint32_t causes = 0;
    int error;

    ahci_port_write(port, PX_CI, 1);
    error = await_clear(port, PX_CI, 1, IDENTIFY_MS);
    causes = ahci_port_read(port, PX_IS);
    ahci_port_write(port, PX_IS, causes);
    if (causes & IS_ERRORS || ahci_port_read(port, PX_TFD) & (TFD_ERROR | TFD_FAULT))
        return -EIO;
    return error ? -ETIMEDOUT : 0;
}

int ahci_port_identify(struct ahci_port *port, struct ata_identity *identity)
{
    int error;

    memset(port->memory->identity, 0, sizeof(port->memory->identity));
    ahci_frame_make(port->tables[0], ATA_IDENTIFY, 0, 0);
    ahci_piece_make(&port->tables[0]->pieces[0], frames_virt_to_machine(port->memory->identity),
                    sizeof(port->memory->identity));
    ahci_header_make(port, 0, 1, false);
    command_change(port, 0, CMD_START);
    error = command_poll(port);
    return error ? error : ata_identity_read(port->memory->identity, identity);
}

/* Bits of the engine off, and it has stopped.  -EIO. */
static int engine_stop(const struct ahci_port *port)
{
    command_change(port, CMD_START, 0);
    return await_clear(port, PX_CMD, CMD_LIST_RUNS, STOP_MS);
}

static void link_reset(struct ahci_port *port)
{
    ahci_port_write(port, PX_SCTL, SCTL_NO_SLEEP | SCTL_RESET);
    task_sleep_ns(COMRESET_NS);
    ahci_port_write(port, PX_SCTL, SCTL_NO_SLEEP);
    port->powered = clock_monotonic_ns();
}

/*
 * The link is reset even if the engine stops well: only then a disk has forgotten its commands, and
 * that it waits for somebody to read its log of errors (ACS-3, 4.16.4).
 */
int ahci_port_stop(struct ahci_port *port)
{
    int error;

    ahci_port_write(port, PX_IE, 0);
    error = engine_stop(port);
    link_reset(port);
    if (error)
        error = engine_stop(port);
    if (error)
        pci_disable(port->ahci->pci); /* all its disks are lost, but nobody's memory */
    return error;
}

/* What it may still write to is not given back. */
void ahci_port_close(struct ahci_port *port)
{
    int error = engine_stop(port);

    command_change(port, CMD_RECEIVE, 0);
    if (error || await_clear(port, PX_CMD, CMD_RECEIVES, STOP_MS))
        return;
    for (unsigned int slot = 0; slot < AHCI_SLOTS_MAX; slot += 2)
        if (port->tables[slot])
            frames_free(port->tables[slot], 0);
    if (port->memory)
        frames_free(port->memory, 0);
    memset(port->tables, 0, sizeof(port->tables));
    port->memory = NULL;
}

int ahci_port_clear(const struct ahci_port *port)
{
    uint64_t end = clock_monotonic_ns() + CLEAR_NS;

    command_change(port, CMD_START, 0);
    while (ahci_port_read(port, PX_CMD) & CMD_LIST_RUNS)
        if (clock_monotonic_ns() > end)
            return -EBUSY;
    ahci_port_write(port, PX_SERR, ~SERR_LINK);
    ahci_port_write(port, PX_IS, ~0u);
    if (ahci_port_read(port, PX_TFD) & (TFD_BUSY | TFD_DATA))
        return -EBUSY;
    command_change(port, 0, CMD_START);
    return 0;
}

/*
 * The keyboard controller: IBM Personal System/2 Hardware Interface Technical Reference (1988),
 * "Keyboard and Auxiliary Device Controller".
 *
 * Little is asked of it, since there are as many of them as there are embedded controllers that
 * play one: neither its self-test (some lose their settings in it, some do not come back) nor a
 * change of code set.  It is left to translate the keyboard's set 2 into set 1: that is what every
 * BIOS asks of it, and so what works.
 *
 * Its interrupt is an edge: it comes with each byte that becomes readable, and not again for one
 * that stays unread.  So who reads goes on until there is none left.
 */
#include "devices/keyboard-controller.h"
#include "devices/io-ports.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/event-ports.h"
#include "tasks/task.h"
#include "tasks/wait-queue.h"
#include "hypercall-abi/errno.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/physdev.h"

#define DATA    0x60
#define STATUS  0x64 /* read */
#define COMMAND 0x64 /* written */

#define STATUS_READABLE   0x01u
#define STATUS_BUSY       0x02u /* what was written last has not been taken yet */
#define STATUS_FROM_MOUSE 0x20u
#define STATUS_PARITY     0x80u
#define NO_CONTROLLER     0xffu

#define COMMAND_READ_CONFIG  0x20
#define COMMAND_WRITE_CONFIG 0x60
#define COMMAND_MOUSE_OFF    0xa7
#define COMMAND_KEYBOARD_OFF 0xad
#define COMMAND_KEYBOARD_ON  0xae

#define CONFIG_KEYBOARD_INTERRUPT 0x01u
#define CONFIG_MOUSE_INTERRUPT    0x02u
#define CONFIG_KEYBOARD_OFF       0x10u
#define CONFIG_TRANSLATE          0x40u

#define KEYBOARD_LINE 1 /* of the ISA bus */

#define PATIENCE_NS 50000000ULL /* it answers within some microseconds */
#define LOOK_NS     200000ULL
/* More bytes without a pause than any keyboard, or machine that plays one, has in store. */
#define BURST_MAX 512u
#define KEPT_MAX  128u /* bytes; a power of two */

static struct wait_queue readers = WAIT_QUEUE_INIT;
static uint8_t kept[KEPT_MAX]; /* put in by the interrupt, taken out by the task */
static unsigned int kept_in, kept_out;
static bool broken;
static uint8_t config;

/* What there is no room for is lost, and the reader learns that there was something. */
static void keep(uint8_t byte)
{
    if (kept_in - kept_out < KEPT_MAX)
        kept[kept_in++ % KEPT_MAX] = byte;
    else
        kept[(kept_in - 1) % KEPT_MAX] = KEYBOARD_OVERRUN;
}

/* Takes what is readable, with events masked.  False: there is no end of it. */
static bool collect(void)
{
    for (unsigned int i = 0; i < BURST_MAX; i++) {
        uint8_t status = io_port_read(STATUS), byte;

        if (!(status & STATUS_READABLE))
            return true;
        byte = io_port_read(DATA);
        if (!(status & STATUS_FROM_MOUSE))
            keep(status & STATUS_PARITY ? KEYBOARD_OVERRUN : byte);
    }
    return false;
}

static void interrupt(evtchn_port_t port, void *arg)
{
    (void)arg;
    if (!collect()) {
        broken = true;
        event_port_mask(port);
    }
    wait_queue_wake_all(&readers);
}

/* Whether the status comes to have these bits of the mask. */
static bool status_wait(unsigned int mask, unsigned int wanted)
{
    uint64_t deadline = clock_monotonic_ns() + PATIENCE_NS;

    while ((io_port_read(STATUS) & mask) != wanted) {
        if (clock_monotonic_ns() >= deadline)
            return false;
        task_sleep_ns(LOOK_NS);
    }
    return true;
}

static bool command(uint8_t byte)
{
    if (!status_wait(STATUS_BUSY, 0))
        return false;
    io_port_write(COMMAND, byte);
    return true;
}

bool keyboard_controller_send(uint8_t byte)
{
    if (!status_wait(STATUS_BUSY, 0))
        return false;
    io_port_write(DATA, byte);
    return true;
}

static bool config_read(void)
{
    if (!command(COMMAND_READ_CONFIG) ||
        !status_wait(STATUS_READABLE | STATUS_FROM_MOUSE, STATUS_READABLE))
        return false;
    config = io_port_read(DATA);
    return true;
}

static bool config_write(void)
{
    return command(COMMAND_WRITE_CONFIG) && keyboard_controller_send(config);
}

/* Throws away what is readable: keys that nobody waited for, the firmware's last answers. */
static bool drain(void)
{
    for (unsigned int i = 0; i < BURST_MAX; i++) {
        if (!(io_port_read(STATUS) & STATUS_READABLE))
            return true;
        io_port_read(DATA);
    }
    return false;
}

bool keyboard_controller_find(void)
{
    kept_in = kept_out = 0;
    broken = false;
    if (io_port_read(STATUS) == NO_CONTROLLER)
        return false;
    if (!command(COMMAND_KEYBOARD_OFF) || !command(COMMAND_MOUSE_OFF) || !drain() || !config_read())
        return false;
    config &= (uint8_t) ~(CONFIG_KEYBOARD_INTERRUPT | CONFIG_MOUSE_INTERRUPT);
    config |= CONFIG_TRANSLATE | CONFIG_KEYBOARD_OFF;
    return config_write();
}

static int line_bind(void)
{
    struct physdev_map_pirq map = { .domid = DOMID_SELF,
                                    .type = MAP_PIRQ_TYPE_GSI,
                                    .index = KEYBOARD_LINE,
                                    .pirq = KEYBOARD_LINE };
    evtchn_port_t port;
    int error = (int)hypercall_physdev_op(PHYSDEVOP_map_pirq, HYPERCALL_ARG(&map));

    if (!error)
        error = event_port_bind_pirq((uint32_t)map.pirq, false, &port);
    if (!error)
        event_port_set_handler(port, interrupt, NULL);
    return error;
}

/* The settings are not read again: an answer makes an interrupt, too, once that is bound. */
int keyboard_controller_start(void)
{
    int error = line_bind();

    if (error)
        return error;
    config |= CONFIG_KEYBOARD_INTERRUPT;
    config &= (uint8_t)~CONFIG_KEYBOARD_OFF;
    return config_write() && command(COMMAND_KEYBOARD_ON) ? 0 : -XEN_EIO;
}

static bool take(uint8_t *byte)
{
    if (kept_in == kept_out)
        return false;
    *byte = kept[kept_out++ % KEPT_MAX];
    return true;
}

bool keyboard_controller_read(uint8_t *byte, uint64_t deadline_ns)
{
    bool was = events_mask_save(), found;

    while (!(found = take(byte)) && !broken) {
        if (deadline_ns == KEYBOARD_FOREVER) {
            wait_queue_wait(&readers);
        } else if (wait_queue_wait_until(&readers, deadline_ns)) {
            broken = !collect(); /* should the interrupt have been lost */
            found = take(byte);
            break;
        }
    }
    events_mask_restore(was);
    return found;
}

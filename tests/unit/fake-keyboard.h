/*
 * What tests/unit/keyboard.c needs of the machine: a keyboard controller as IBM's manual describes
 * it, at its ports, a keyboard on it, its interrupt (an edge for each byte that becomes readable),
 * and the console's other ends.  The driver's task runs until it waits with nothing left to come.
 */
#ifndef TESTS_UNIT_FAKE_KEYBOARD_H
#define TESTS_UNIT_FAKE_KEYBOARD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "devices/acpi-tables.h"
#include "devices/io-ports.h"
#include "hypercall-abi/errno.h"
#include "hypercall-abi/physdev.h"
#include "pv-kernel/clock.h"
#include "pv-kernel/console.h"
#include "pv-kernel/event-ports.h"
#include "pv-kernel/kernel.h"
#include "tasks/task.h"
#include "tasks/wait-queue.h"

#define FROM_MOUSE 0x100u
#define PARITY     0x200u
#define BABBLING   0x400u /* from here on the controller never runs empty */
#define STORE      2000u

/* What kind of machine it is. */
static enum {
    GOOD,
    NO_PORTS,   /* as where nothing is */
    ALL_ZERO,   /* nothing that answers */
    BUSY,       /* it never takes a byte */
    FULL,       /* it never runs empty */
    NO_CONFIG,  /* it does not know the command */
    NO_ANSWER,  /* there is no keyboard on it */
    AGAIN_TWICE /* the keyboard understands each byte the third time */
} machine;

static struct {
    uint8_t config, command;
    bool wants_config, wants_lights, on, edge;
    uint16_t out[STORE];
    unsigned int out_first, out_count, lights, tries, light_changes, reads;
    bool babbles;
} controller;

static event_handler_t handler;
static uint64_t now;
static jmp_buf finished;
static void (*task)(void *arg);
static unsigned int port_masked;

/* The keyboard's typing: given one by one, each when the driver has nothing to do; the first ones
 * all at once. */
static const uint16_t *to_come;
static size_t to_come_count, at_once;

static char said[512];
static unsigned int scroll_calls;
static int lines_back, last_scroll;
static const char *serial = "";

static void readable(uint16_t byte)
{
    unsigned int at = (controller.out_first + controller.out_count) % STORE;

    assert_true(controller.out_count < STORE);
    controller.out[at] = byte;
    controller.edge |= !controller.out_count++;
}

static void keyboard_answers(uint8_t byte)
{
    controller.tries++;
    if (machine == NO_ANSWER)
        return;
    if (machine == AGAIN_TWICE && controller.tries % 3) {
        readable(0xfe);
        return;
    }
    if (controller.wants_lights) {
        controller.lights = byte;
        controller.light_changes++;
        controller.wants_lights = false;
    } else {
        assert_true(byte == 0xed || byte == 0xf4);
        controller.wants_lights = byte == 0xed;
        controller.on |= byte == 0xf4;
    }
    readable(0xfa);
}

static uint8_t status_read(void)
{
    uint8_t status = 0x14; /* as after a self-test, not locked */
    unsigned int head = controller.out[controller.out_first];

    switch (machine) {
    case NO_PORTS:
        return 0xff;
    case ALL_ZERO:
        return 0;
    case BUSY:
        return 0x02;
    case FULL:
        return 0x01;
    default:
        break;
    }
    if (controller.babbles)
        return 0x15;
    if (controller.out_count)
        status |= (uint8_t)(0x01 | (head & FROM_MOUSE ? 0x20 : 0) | (head & PARITY ? 0x80 : 0));
    return status;
}

static uint8_t data_read(void)
{
    uint16_t byte = controller.out[controller.out_first];

    if (!controller.out_count || controller.babbles)
        return 0;
    controller.out_first = (controller.out_first + 1) % STORE;
    controller.edge |= --controller.out_count != 0;
    return (uint8_t)byte;
}

uint8_t io_port_read(uint16_t port)
{
    assert_true(port == 0x60 || port == 0x64);
    controller.reads++;
    now += 1000;
    if (port == 0x64)
        return status_read();
    return machine == NO_PORTS ? 0xff : data_read();
}

static void command_written(uint8_t command)
{
    switch (command) {
    case 0x20:
        if (machine != NO_CONFIG)
            readable(controller.config);
        break;
    case 0x60:
        controller.wants_config = true;
        break;
    case 0xa7:
        controller.config |= 0x20;
        break;
    case 0xad:
        controller.config |= 0x10;
        break;
    case 0xae:
        controller.config &= (uint8_t)~0x10;
        break;
    default:
        fail_msg("command %02x", command);
    }
}

void io_port_write(uint16_t port, uint8_t value)
{
    assert_true(machine != NO_PORTS && machine != BUSY);
    if (port == 0x64) {
        command_written(value);
    } else if (controller.wants_config) {
        controller.wants_config = false;
        controller.config = value;
    } else {
        assert_false(controller.config & 0x10);
        keyboard_answers(value);
    }
}

/* True if there was an interrupt. */
static bool interrupt_comes(void)
{
    if (!controller.edge || !handler || port_masked || !(controller.config & 1))
        return false;
    controller.edge = false;
    handler(7, NULL);
    return true;
}

static void something_comes(void)
{
    if (!to_come_count)
        longjmp(finished, 1);
    assert_int_equal(controller.config & 0x53,
                     0x41); /* translated, with interrupts, not the mouse's */
    assert_true(controller.on || machine == NO_ANSWER);
    do {
        to_come_count--;
        if (*to_come == BABBLING)
            controller.babbles = controller.edge = true;
        else
            readable(*to_come);
        to_come++;
    } while (at_once && --at_once);
}

void wait_queue_wait(struct wait_queue *q)
{
    (void)q;
    if (!interrupt_comes())
        something_comes();
}

int wait_queue_wait_until(struct wait_queue *q, uint64_t deadline_ns)
{
    (void)q;
    if (interrupt_comes())
        return 0;
    now = now < deadline_ns ? deadline_ns : now;
    return -XEN_ETIMEDOUT;
}

void wait_queue_wake_all(struct wait_queue *q)
{
    (void)q;
}

void task_sleep_ns(uint64_t ns)
{
    now += ns;
    interrupt_comes();
}

uint64_t clock_monotonic_ns(void)
{
    return now;
}

bool events_mask_save(void)
{
    return false;
}

void events_mask_restore(bool was_masked)
{
    (void)was_masked;
}

struct task *task_current(void)
{
    return NULL;
}

struct task *task_spawn(const char *name, void (*fn)(void *), void *arg, size_t stack_bytes)
{
    (void)name;
    (void)arg;
    (void)stack_bytes;
    task = fn;
    return (struct task *)1;
}

bool kernel_is_initial_domain(void)
{
    return true;
}

/* Interrupts. */

int64_t hypercall_physdev_op(uint64_t operation, uint64_t argument)
{
    const struct physdev_map_pirq *map = (void *)argument;

    assert_int_equal(operation, PHYSDEVOP_map_pirq);
    assert_int_equal(map->index, 1);
    return 0;
}

int event_port_bind_pirq(uint32_t pirq, bool shared, evtchn_port_t *port)
{
    assert_int_equal(pirq, 1);
    assert_false(shared);
    *port = 7;
    return 0;
}

void event_port_set_handler(evtchn_port_t port, event_handler_t function, void *arg)
{
    assert_int_equal(port, 7);
    assert_null(arg);
    handler = function;
}

void event_port_mask(evtchn_port_t port)
{
    assert_int_equal(port, 7);
    port_masked++;
}

/* The console. */

int console_take(void)
{
    return *serial ? *serial++ : -1;
}

void console_set_input_hook(void (*hook)(void *arg), void *arg)
{
    (void)hook;
    (void)arg;
}

int console_scroll(int half_screens)
{
    int64_t to = (int64_t)lines_back + 20LL * half_screens;

    scroll_calls++;
    last_scroll = half_screens;
    lines_back = to < 0 ? 0 : to > 100 ? 100 : (int)to;
    return lines_back;
}

int __wrap_printf(const char *format, ...);
int __wrap_printf(const char *format, ...)
{
    size_t used = strlen(said);
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(said + used, sizeof(said) - used, format, arguments);
    va_end(arguments);
    return length;
}

#endif

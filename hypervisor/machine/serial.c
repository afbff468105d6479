/* A 16550 UART: National Semiconductor PC16550D datasheet. */
#include "machine/serial.h"
#include "machine/registers.h"

#define LINE_STATUS 5
#define DATA_READY  0x01
#define SENT        0x20
#define SCRATCH     7

/* 16 characters take 1.4 ms at 115200 baud, and a reading of the status a microsecond. */
#define PATIENCE 20000

static uint16_t base; /* 0: none */
static uint8_t irq;
static bool stuck; /* it took none at last: nobody waits for it until it does */

static bool answers(uint16_t port)
{
    port_outb(port + SCRATCH, 0x5a);
    return port_inb(port + SCRATCH) == 0x5a;
}

bool serial_init(const struct serial_port *ports, unsigned count)
{
    unsigned i = 0;

    while (i < count && !answers(ports[i].base))
        i++;
    base = i < count ? ports[i].base : 0;
    if (!base)
        return false;
    irq = ports[i].irq;
    port_outb(base + 1, 0);
    port_outb(base + 3, 0x80);
    port_outb(base + 0, (uint8_t)(SERIAL_BAUD_MAX / ports[i].baud));
    port_outb(base + 1, (uint8_t)(SERIAL_BAUD_MAX / ports[i].baud >> 8));
    port_outb(base + 3, 3);
    port_outb(base + 2, 7);
    port_outb(base + 4, 0xb); /* DTR, RTS, interrupt line on */
    return true;
}

static void write_one(char c)
{
    unsigned tries = stuck ? PATIENCE : 0;

    while (!(port_inb(base + LINE_STATUS) & SENT) && tries++ < PATIENCE)
        cpu_pause();
    stuck = tries > PATIENCE;
    if (!stuck)
        port_outb(base, (uint8_t)c);
}

void serial_write(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n')
            write_one('\r');
        write_one(text[i]);
    }
}

int serial_read(void)
{
    uint8_t status = base ? port_inb(base + LINE_STATUS) : 0;

    return (status & DATA_READY) && status != 0xff ? port_inb(base) : -1; /* 0xff: it went */
}

uint16_t serial_base(void)
{
    return base;
}

unsigned serial_irq(void)
{
    return irq;
}

void serial_enable_interrupt(void)
{
    if (!base || !irq)
        return;
    port_outb(base + 1, 1); /* data received */
    (void)port_inb(base + 2);
}

/* A 16550 UART: National Semiconductor PC16550D datasheet. */
#include "machine/serial.h"
#include "machine/registers.h"

#define LINE_STATUS 5
#define DATA_READY  0x01
#define ROOM        0x20 /* for one more character */
#define ALL_SENT    0x40
#define SCRATCH     7

/* As long as 17 characters of 10 bits take, by a TSC that nobody has measured yet: 1.5 ms at 115200
 * baud and the fastest there is.  A reading of the status takes a microsecond, or almost nothing
 * where somebody emulates it: both have to pass. */
#define PATIENCE      20000
#define PATIENCE_BITS (17 * 10UL)
#define FASTEST_TSC   5000000000UL
#define SLOW_BAUD     9600 /* where the speed is the firmware's */

static uint16_t base; /* 0: none */
static uint8_t irq;
static uint64_t patience_cycles;
static bool stuck; /* it took none at last: nobody waits for it until it does */

static bool answers(uint16_t port)
{
    port_outb(port + SCRATCH, 0x5a);
    return port_inb(port + SCRATCH) == 0x5a;
}

/* The divisor latch lies where data and interrupts do, while bit 7 of the line control is set. */
static void speed_set(uint32_t baud)
{
    port_outb(base + 3, 0x80);
    port_outb(base + 0, (uint8_t)(SERIAL_BAUD_MAX / baud));
    port_outb(base + 1, (uint8_t)(SERIAL_BAUD_MAX / baud >> 8));
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
    if (ports[i].baud != SERIAL_BAUD_KEPT)
        speed_set(ports[i].baud);
    patience_cycles = PATIENCE_BITS * FASTEST_TSC / (ports[i].baud ? ports[i].baud : SLOW_BAUD);
    port_outb(base + 3, 3);
    port_outb(base + 2, 7);
    port_outb(base + 4, 0xb); /* DTR, RTS, interrupt line on */
    return true;
}

/* Waits for a bit of the line status.  False: it did not come, and is not waited for again. */
static bool comes(uint8_t status)
{
    uint64_t from = tsc_read();

    for (unsigned tries = 0; !(port_inb(base + LINE_STATUS) & status); tries++) {
        stuck = stuck || (tries > PATIENCE && tsc_read() - from > patience_cycles);
        if (stuck)
            return false;
        cpu_pause();
    }
    stuck = false;
    return true;
}

static void write_one(char c)
{
    if (comes(ROOM))
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

void serial_drain(void)
{
    if (base)
        comes(ALL_SENT);
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

/* A 16550 UART: National Semiconductor PC16550D datasheet. */
#include "machine/serial.h"
#include "machine/registers.h"

#define BASE 0x3f8

static bool present;

bool serial_init(void)
{
    port_outb(BASE + 7, 0x5a);
    if (port_inb(BASE + 7) != 0x5a)
        return false; /* nothing answers */
    port_outb(BASE + 1, 0);
    port_outb(BASE + 3, 0x80);
    port_outb(BASE + 0, 1); /* 115200 baud */
    port_outb(BASE + 1, 0);
    port_outb(BASE + 3, 3);
    port_outb(BASE + 2, 7);
    port_outb(BASE + 4, 0xb); /* DTR, RTS, interrupt line on */
    present = true;
    return true;
}

static void write_one(char c)
{
    for (unsigned tries = 0; !(port_inb(BASE + 5) & 0x20) && tries < 100000; tries++)
        cpu_pause();
    port_outb(BASE, (uint8_t)c);
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
    uint8_t status = present ? port_inb(BASE + 5) : 0;

    return (status & 1) && status != 0xff ? port_inb(BASE) : -1; /* 0xff: nothing answers */
}

void serial_enable_interrupt(void)
{
    if (!present)
        return;
    port_outb(BASE + 1, 1); /* data received */
    (void)port_inb(BASE + 2);
}

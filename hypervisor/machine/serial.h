/* A serial port, a 16550 UART, with characters of 8 bits without parity. */
#ifndef MACHINE_SERIAL_H
#define MACHINE_SERIAL_H

#include "lib/types.h"

struct serial_port {
    uint16_t base; /* the first of its SERIAL_PORTS I/O ports */
    uint8_t irq;   /* its ISA interrupt; 0: none, so what is typed there is not heard */
    uint32_t baud; /* a divisor of SERIAL_BAUD_MAX, or SERIAL_BAUD_KEPT: as the firmware set it */
};
#define SERIAL_PORTS     8
#define SERIAL_BAUD_MAX  115200U
#define SERIAL_BAUD_KEPT 0

/* Takes the first that answers.  False: none does. */
bool serial_init(const struct serial_port *ports, unsigned count);
/* Waits for the port as long as it takes characters at all. */
void serial_write(const char *text, size_t n);
/* Waits until the last character is on the line: what follows may switch the machine off. */
void serial_drain(void);
/* A received character, or -1. */
int serial_read(void);
/* The first of its ports, or 0: there is none. */
uint16_t serial_base(void);
/* Its ISA interrupt; 0: none. */
unsigned serial_irq(void);
void serial_enable_interrupt(void);

#endif

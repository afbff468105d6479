/* A serial port at 115200 8n1: COM1, or COM2 if nothing answers there. */
#ifndef MACHINE_SERIAL_H
#define MACHINE_SERIAL_H

#include "lib/types.h"

/* False: there is none. */
bool serial_init(void);
/* Waits for the port as long as it takes characters at all. */
void serial_write(const char *text, size_t n);
/* A received character, or -1. */
int serial_read(void);
/* Its ISA interrupt. */
unsigned serial_irq(void);
void serial_enable_interrupt(void);

#endif

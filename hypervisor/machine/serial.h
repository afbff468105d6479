/* The first serial port (0x3f8), 115200 8n1. */
#ifndef MACHINE_SERIAL_H
#define MACHINE_SERIAL_H

#include "lib/types.h"

bool serial_init(void);
void serial_write(const char *text, size_t n);
/* A received character, or -1. */
int serial_read(void);
/* Its interrupt line. */
#define SERIAL_IRQ 4
void serial_enable_interrupt(void);

#endif

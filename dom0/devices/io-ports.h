/*
 * The PC's I/O ports.  dom0 has the privilege level for in and out; the hypervisor
 * keeps some ports to itself: they read 0xff, like ports where nothing is.
 */
#ifndef DEVICES_IO_PORTS_H
#define DEVICES_IO_PORTS_H

#include <stdint.h>

uint8_t io_port_read(uint16_t port);
void io_port_write(uint16_t port, uint8_t value);
void io_port_write16(uint16_t port, uint16_t value);
uint32_t io_port_read32(uint16_t port);
void io_port_write32(uint16_t port, uint32_t value);

#endif

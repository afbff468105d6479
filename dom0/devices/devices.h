/*
 * Devices: finds the machine's devices and starts their drivers.
 */
#ifndef DEVICES_DEVICES_H
#define DEVICES_DEVICES_H

int devices_start(void);

#endif

/*
 * Network cards: finds them, and starts the driver of each.
 */
#ifndef DEVICES_NICS_H
#define DEVICES_NICS_H

void nics_start(void);

#endif

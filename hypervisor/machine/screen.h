/* The boot screen: VGA text memory. */
#ifndef MACHINE_SCREEN_H
#define MACHINE_SCREEN_H

#include "lib/types.h"

void screen_init(volatile uint16_t *cells, unsigned columns, unsigned rows);
void screen_write(const char *text, size_t n);

#endif

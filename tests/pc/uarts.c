/* Two 16550s (National Semiconductor PC16550D). */
#include "devices.h"

#define LINE_STATUS 5
#define SCRATCH     7
#define DLAB        0x80

static uint8_t scratch[2], line_control[2];

static unsigned which(uint16_t port)
{
    return port >> 3 == 0x2f8 >> 3;
}

uint8_t uart_in(uint16_t port)
{
    unsigned n = which(port);

    if (pc.uart[n] == PC_ABSENT)
        return 0xff;
    if ((port & 7) == LINE_STATUS)
        return pc.uart[n] == PC_WORKS ? 0x60 : 0;
    return (port & 7) == SCRATCH ? scratch[n] : 0;
}

void uart_out(uint16_t port, uint8_t value)
{
    unsigned n = which(port);

    if ((port & 7) == SCRATCH)
        scratch[n] = value;
    if ((port & 7) == 3)
        line_control[n] = value;
    if ((port & 7) == 0 && !(line_control[n] & DLAB) && pc.uart[n] == PC_WORKS &&
        pc.printed_length[n] < sizeof(pc.printed[n]) - 1)
        pc.printed[n][pc.printed_length[n]++] = (char)value;
}

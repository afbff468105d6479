/* Two 16550s (National Semiconductor PC16550D). */
#include "devices.h"

#define FEMTO       1000000000000000UL
#define LINE_STATUS 5
#define SCRATCH     7
#define DLAB        0x80

#define BITS 10 /* a character with its start and stop */

static uint8_t scratch[2], line_control[2];
static uint16_t divisor[2];
static uint64_t empty_at[2]; /* when the last character will be on the line */

static unsigned which(uint16_t port)
{
    return port >> 3 == 0x2f8 >> 3;
}

static uint64_t character(unsigned n)
{
    return FEMTO / 115200 * BITS * divisor[n];
}

static uint64_t left_to_send(unsigned n)
{
    return empty_at[n] > pc.now ? empty_at[n] - pc.now : 0;
}

/* There is room again when the last one of what waits has gone to the shifter. */
static uint8_t line_status(unsigned n)
{
    if (pc.uart[n] != PC_WORKS)
        return 0;
    return (left_to_send(n) <= character(n) ? 0x20 : 0) | (left_to_send(n) ? 0 : 0x40);
}

/* What does not fit any more is lost, as it is there. */
static void send(unsigned n, uint8_t value)
{
    if (left_to_send(n) > 2 * character(n) || pc.uart[n] != PC_WORKS)
        return;
    empty_at[n] = pc.now + left_to_send(n) + character(n);
    if (pc.printed_length[n] < sizeof(pc.printed[n]) - 1)
        pc.printed[n][pc.printed_length[n]++] = (char)value;
}

uint8_t uart_in(uint16_t port)
{
    unsigned n = which(port);

    if (pc.uart[n] == PC_ABSENT)
        return 0xff;
    if ((port & 7) == LINE_STATUS)
        return line_status(n);
    return (port & 7) == SCRATCH ? scratch[n] : 0;
}

void uarts_reset(void)
{
    divisor[0] = divisor[1] = 1;
    line_control[0] = line_control[1] = 0;
    empty_at[0] = empty_at[1] = 0;
}

uint16_t pc_uart_divisor(unsigned n)
{
    return divisor[n];
}

uint64_t pc_unsent(unsigned n)
{
    return left_to_send(n);
}

void uart_out(uint16_t port, uint8_t value)
{
    unsigned n = which(port);

    if ((port & 7) == SCRATCH)
        scratch[n] = value;
    if ((port & 7) == 3)
        line_control[n] = value;
    if (line_control[n] & DLAB) {
        if ((port & 7) == 0)
            divisor[n] = (uint16_t)((divisor[n] & 0xff00) | value);
        if ((port & 7) == 1)
            divisor[n] = (uint16_t)((divisor[n] & 0xff) | value << 8);
    } else if ((port & 7) == 0)
        send(n, value);
}

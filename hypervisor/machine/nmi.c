/* See nmi.h. */
#include "machine/nmi.h"
#include "machine/registers.h"

#define PORT        0x61
#define SERR        0x80 /* a parity or system error on PCI, or of memory */
#define IOCHK       0x40 /* an ISA card's */
#define SERR_CLEAR  0x04
#define IOCHK_CLEAR 0x08
#define KEPT        0x0f

const char *nmi_cause(void)
{
    uint8_t status = port_inb(PORT), kept = status & KEPT;

    if (status == 0xff || !(status & (SERR | IOCHK)))
        return "nobody says why: a button, a watchdog or another CPU's";
    kept |= status & SERR ? SERR_CLEAR : 0;
    kept |= status & IOCHK ? IOCHK_CLEAR : 0;
    port_outb(PORT, kept);
    port_outb(PORT, kept & (uint8_t) ~(SERR_CLEAR | IOCHK_CLEAR));
    return status & SERR ? "a system error (SERR): memory or PCI" : "an I/O check (IOCHK)";
}

/*
 * Class 7, subclass 0: PCI Code and ID Assignment Specification 1.11, 1.8.  Interfaces 0 to 6 are
 * UARTs from the 8250 to the 16950, all of which COM1's registers drive.
 */
#include "machine/pci-serial.h"
#include "lib/bits.h"
#include "machine/msi.h"

#define BUSES     256
#define SLOTS     32
#define FUNCTIONS 8

#define COMMAND      0x04
#define COMMAND_IO   BIT(0)
#define CLASS        0x08 /* in the upper three bytes */
#define CLASS_UART   0x0700
#define UARTS        7
#define HEADER       0x0c /* in the third byte */
#define HEADER_KIND  (0x7fUL << 16)
#define HEADER_MULTI BIT(23)
#define BAR_0        0x10
#define BAR_IO       BIT(0)

static bool uart_at(struct pci_address d, struct serial_port *port)
{
    uint32_t class = pci_config_read(d, CLASS), base = pci_config_read(d, BAR_0);

    if (class >> 16 != CLASS_UART || (class >> 8 & 0xff) >= UARTS || !(base & BAR_IO) ||
        (base & ~7U) == 0 || (base & ~7U) > UINT16_MAX - SERIAL_PORTS ||
        pci_config_read(d, HEADER) & HEADER_KIND)
        return false;
    pci_config_write_part(d, COMMAND, 2,
                          (uint32_t)((pci_config_read(d, COMMAND) & 0xffff) | COMMAND_IO));
    *port = (struct serial_port){ (uint16_t)(base & ~7U), 0, SERIAL_BAUD_MAX };
    return true;
}

static bool slot_search(unsigned bus, unsigned slot, struct serial_port *port)
{
    unsigned functions = 1;

    for (unsigned f = 0; f < functions; f++) {
        struct pci_address d = { (uint8_t)bus, (uint8_t)(slot << 3 | f) };
        uint32_t id = pci_config_read(d, 0);

        if (id == UINT32_MAX)
            continue;
        if (f == 0 && pci_config_read(d, HEADER) & HEADER_MULTI)
            functions = FUNCTIONS;
        if (uart_at(d, port))
            return true;
    }
    return false;
}

bool pci_serial_find(struct serial_port *port)
{
    for (unsigned bus = 0; bus < BUSES; bus++)
        for (unsigned slot = 0; slot < SLOTS; slot++)
            if (slot_search(bus, slot, port))
                return true;
    return false;
}

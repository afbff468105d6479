/*
 * PCI interrupt lines: level-triggered, active low (PCI 3.0, 2.2.6), shared by any number of
 * devices.  Where a device's line ends is what the firmware wrote into its configuration space: on
 * machines whose lines run through an ISA bridge's router that is the interrupt controller's input,
 * too.  (Others say it in ACPI's _PRT, which nobody here can read: their devices have messages.)
 *
 * The hypervisor masks a line that was pulled until we say that it was served.
 */
#include "devices/pci-lines.h"
#include "pv-kernel/event-ports.h"
#include "hypercall-abi/errno.h"
#include "hypercall-abi/guest-stubs.h"
#include "hypercall-abi/physdev.h"
#include <stdlib.h>

#define LINES_MAX            24u
#define PCI_COMMAND          0x04
#define PCI_COMMAND_LINE_OFF 0x400u

struct line_user {
    pci_line_handler handler;
    void *arg;
    struct line_user *next;
};

static struct line {
    uint32_t number;
    struct line_user *users; /* NULL: not bound */
} lines[LINES_MAX];

static void line_pulled(evtchn_port_t port, void *arg)
{
    const struct line *line = arg;
    struct physdev_eoi eoi = { .irq = line->number };

    (void)port;
    for (const struct line_user *user = line->users; user; user = user->next)
        user->handler(user->arg);
    hypercall_physdev_op(PHYSDEVOP_eoi, HYPERCALL_ARG(&eoi));
}

static int line_bind(struct line *line, uint32_t number)
{
    struct physdev_setup_gsi setup = { .gsi = (int32_t)number, .triggering = 1, .polarity = 1 };
    struct physdev_map_pirq map = { .domid = DOMID_SELF,
                                    .type = MAP_PIRQ_TYPE_GSI,
                                    .index = (int32_t)number,
                                    .pirq = (int32_t)number };
    evtchn_port_t port;
    int error = (int)hypercall_physdev_op(PHYSDEVOP_map_pirq, HYPERCALL_ARG(&map));

    if (!error)
        error = (int)hypercall_physdev_op(PHYSDEVOP_setup_gsi, HYPERCALL_ARG(&setup));
    if (error && error != -XEN_EEXIST) /* Xen's word for: it has been set up */
        return error;
    line->number = (uint32_t)map.pirq;
    error = event_port_bind_pirq(line->number, true, &port);
    if (!error)
        event_port_set_handler(port, line_pulled, line);
    return error;
}

/*
 * Xen holds a message that the device cannot mask back until the one before was served, as it does
 * a line: so it is one, with one user.
 */
int pci_bind_msi(const struct pci_device *device, pci_line_handler handler, void *arg)
{
    struct line *line = calloc(1, sizeof(*line));
    struct line_user *user = malloc(sizeof(*user));
    evtchn_port_t port;
    int error = line && user ? pci_map_msi(device, &line->number) : -XEN_ENOMEM;

    if (!error)
        error = event_port_bind_pirq(line->number, false, &port);
    if (error) {
        free(line);
        free(user);
        return error;
    }
    *user = (struct line_user){ handler, arg, NULL };
    line->users = user;
    event_port_set_handler(port, line_pulled, line);
    return 0;
}

int pci_bind_line(struct pci_device *device, pci_line_handler handler, void *arg)
{
    struct line_user *user;
    struct line *line;
    bool was;
    int error = 0;

    if (!device->interrupt_pin || device->interrupt_line >= LINES_MAX)
        return -XEN_ENODEV;
    user = malloc(sizeof(*user));
    if (!user)
        return -XEN_ENOMEM;
    line = &lines[device->interrupt_line];
    pci_write(device, PCI_COMMAND, 2, pci_read(device, PCI_COMMAND, 2) & ~PCI_COMMAND_LINE_OFF);
    was = events_mask_save();
    *user = (struct line_user){ handler, arg, line->users };
    line->users = user;
    if (!user->next)
        error = line_bind(line, device->interrupt_line);
    if (error)
        line->users = NULL;
    events_mask_restore(was);
    if (error)
        free(user);
    return error;
}

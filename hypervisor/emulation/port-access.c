/*
 * The control domain drives the devices; the hypervisor keeps the interrupt controllers, the
 * timers and its serial port.  PCI's address port is remembered, so that the pair of
 * accesses it needs cannot be torn apart by the hypervisor's own.
 */
#include "emulation/port-access.h"
#include "domain/guest-memory.h"
#include "emulation/operands.h"
#include "guest-cpu/trap-injection.h"
#include "lib/atomic.h"
#include "machine/msi.h"
#include "machine/registers.h"
#include "machine/serial.h"
#include "machine/tlb.h"

static const struct {
    uint16_t first, last;
} kept[] = {
    { 0x20, 0x21 },
    { 0xa0, 0xa1 }, /* interrupt controllers */
    { 0x40, 0x43 },
    { 0x61, 0x61 }, /* interval timer and its gate */
};

static uint32_t pci_address; /* of the control domain, under its one PCI lock */

static bool is_kept(uint16_t port, unsigned size)
{
    uint16_t console = serial_base();

    if (console && port + size > console && port < console + SERIAL_PORTS)
        return true;
    for (unsigned k = 0; k < ARRAY_SIZE(kept); k++)
        if (port + size - 1 >= kept[k].first && port <= kept[k].last)
            return true;
    return false;
}

bool iopl_allows(const struct vcpu *v)
{
    /* A guest's kernel counts as ring 1, as it did on 32 bits, unless it wants to be ring 0. */
    bool ring0 = read_once(v->domain->vm_assist) & 1UL << VMASST_TYPE_architectural_iopl;

    return v->iopl >= (v->mode != VCPU_KERNEL ? 3U : ring0 ? 0U : 1U);
}

bool port_access_allowed(struct vcpu *v, uint16_t port, unsigned size)
{
    uint16_t bits;

    if (iopl_allows(v))
        return true;
    if ((uint32_t)port + size > v->io_bitmap_ports)
        return false;
    if (v->mode == VCPU_USER)
        root_switch(v->kernel_root); /* the bitmap is at an address of the guest's kernel */
    if (guest_read(&bits, v->io_bitmap + port / 8, 2))
        bits = UINT16_MAX;
    if (v->mode == VCPU_USER)
        root_switch(v->user_root);
    return !(bits >> (port % 8) & ((1U << size) - 1));
}

static struct pci_address pci_target(void)
{
    return (struct pci_address){ (uint8_t)(pci_address >> 16), (uint8_t)(pci_address >> 8) };
}

static uint32_t all_ones(unsigned size)
{
    return size == 4 ? UINT32_MAX : (1U << (8 * size)) - 1;
}

static uint32_t pci_data_read(uint16_t port, unsigned size)
{
    if (!(pci_address >> 31))
        return all_ones(size);
    return pci_config_read(pci_target(), pci_address & 0xfc) >> (8 * (port & 3)) & all_ones(size);
}

static void pci_data_write(uint16_t port, unsigned size, uint32_t value)
{
    if (pci_address >> 31)
        pci_config_write_part(pci_target(), (pci_address & 0xfc) + (port & 3), size, value);
}

uint32_t port_read(struct domain *d, uint16_t port, unsigned size)
{
    if (!d->privileged || is_kept(port, size))
        return all_ones(size);
    if (port == 0xcf8 && size == 4)
        return pci_address;
    if (port >= 0xcfc && port + size <= 0xd00)
        return pci_data_read(port, size);
    return size == 1 ? port_inb(port) : size == 2 ? port_inw(port) : port_inl(port);
}

void port_write(struct domain *d, uint16_t port, unsigned size, uint32_t value)
{
    if (!d->privileged || is_kept(port, size))
        return;
    if (port == 0xcf8 && size == 4)
        pci_address = value;
    else if (port >= 0xcfc && port + size <= 0xd00)
        pci_data_write(port, size, value);
    else if (size == 1)
        port_outb(port, (uint8_t)value);
    else if (size == 2)
        port_outw(port, (uint16_t)value);
    else
        port_outl(port, value);
}

/* One element of INS or OUTS; with REP the instruction is run again for the next. */
static bool string_step(struct vcpu *v, struct cpu_regs *regs, const struct instruction *i,
                        uint16_t port)
{
    int64_t step = regs->rflags & RFLAGS_DF ? -(int64_t)i->size : i->size;
    uint64_t *pointer = i->op == OP_INS ? &regs->rdi : &regs->rsi;
    uint32_t value = 0;
    int r;

    if (i->rep && !regs->rcx) {
        regs->rip += i->length;
        return true;
    }
    if (i->op == OP_INS) {
        value = port_read(v->domain, port, i->size);
        r = guest_write(*pointer, &value, i->size);
    } else {
        r = guest_read(&value, *pointer, i->size);
        if (!r)
            port_write(v->domain, port, i->size, value);
    }
    if (r) {
        inject_page_fault(v, regs, *pointer, i->op == OP_INS ? PF_WRITE : 0);
        return true;
    }
    *pointer += (uint64_t)step;
    if (!i->rep || !--regs->rcx)
        regs->rip += i->length;
    return true;
}

bool port_instruction(struct vcpu *v, struct cpu_regs *regs, const struct instruction *i)
{
    uint16_t port = (uint16_t)(i->port_in_dx ? regs->rdx : i->immediate);

    if (i->segment_override || !port_access_allowed(v, port, i->size))
        return false;
    if (i->op == OP_INS || i->op == OP_OUTS)
        return string_step(v, regs, i, port);
    if (i->op == OP_IN)
        operand_write(regs, 0, i->size, true, port_read(v->domain, port, i->size));
    else
        port_write(v->domain, port, i->size, (uint32_t)operand_read(regs, 0, i->size, true));
    regs->rip += i->length;
    return true;
}

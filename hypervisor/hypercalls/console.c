/* console_io: the machine's console, for the control domain and for early messages of guests. */
#include "domain/guest-memory.h"
#include "hypercall-abi/version.h"
#include "hypercalls/console-input.h"
#include "hypercalls/continuation.h"
#include "hypercalls/handlers.h"
#include "events/binding.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/interrupts.h"
#include "machine/ioapic.h"
#include "machine/lapic.h"
#include "machine/serial.h"
#include "machine/acpi.h"

#define PIECE 32  /* bytes: eight times the screen is cleared, at most */
#define INPUT 256 /* a power of two */

/* Characters received and not read yet; written by the serial interrupt, read by the control
 * domain, under the lock. */
static struct spinlock input_lock;
static char input[INPUT];
static unsigned input_in, input_out;

static void serial_interrupt(unsigned vector maybe_unused)
{
    int c;

    spin_lock(&input_lock);
    for (unsigned i = 0; i < INPUT && (c = serial_read()) >= 0; i++)
        if (input_in - input_out < INPUT)
            input[input_in++ % INPUT] = (char)c;
    spin_unlock(&input_lock);
    lapic_eoi();
    virq_raise_global(VIRQ_CONSOLE);
}

void console_input_init(void)
{
    unsigned gsi = serial_irq();
    int vector = gsi ? vector_alloc() : -1;

    if (vector < 0)
        return;
    for (unsigned i = 0; i < acpi_facts.overrides; i++)
        if (acpi_facts.override[i].irq == serial_irq())
            gsi = acpi_facts.override[i].gsi;
    interrupt_set_handler((unsigned)vector, serial_interrupt);
    ioapic_route(gsi, (unsigned)vector, cpu_for_devices(), false, false);
    ioapic_mask(gsi, false);
    serial_enable_interrupt();
}

static void log_piece(struct domain *d, const char *text, size_t n)
{
    char line[PIECE + 1];

    for (size_t i = 0; i < n; i++)
        line[i] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '.'; /* no escape sequences */
    line[n] = 0;
    domain_log(d, "%s", line);
}

/* A guest's characters reach the log only, and only so many lines of them. */
static void guest_line(struct domain *d, const char *text, size_t n)
{
    size_t at = 0;

    for (size_t i = 0; i <= n; i++)
        if (i == n || text[i] == '\n') {
            if (i > at)
                log_piece(d, text + at, i - at);
            at = i + 1;
        }
}

static int64_t console_write(uint64_t count, uint64_t buffer)
{
    struct domain *d = current_domain();
    char piece[PIECE];

    while (count) {
        size_t n = min(count, (uint64_t)PIECE);

        if (guest_read(piece, buffer, n))
            return -EFAULT;
        if (d->privileged)
            log_characters(piece, n);
        else
            guest_line(d, piece, n);
        buffer += n;
        count -= n;
        if (count && preempt_point())
            return continuation(NR_console_io, CONSOLEIO_write, count, buffer, 0, 0);
    }
    return 0;
}

static int64_t console_read(uint64_t count, uint64_t buffer)
{
    int64_t n = 0;
    char c;

    if (!current_domain()->privileged)
        return -EPERM;
    for (; (uint64_t)n < count; n++) {
        bool have;

        spin_lock(&input_lock);
        have = input_in != input_out;
        if (have)
            c = input[input_out++ % INPUT];
        spin_unlock(&input_lock);
        if (!have)
            break;
        if (guest_write(buffer + (uint64_t)n, &c, 1))
            return -EFAULT;
    }
    return n;
}

int64_t hypercall_do_console_io(uint64_t cmd, uint64_t count, uint64_t buffer)
{
    switch (cmd) {
    case CONSOLEIO_write:
        return console_write((uint32_t)count, buffer);
    case CONSOLEIO_read:
        return console_read((uint32_t)count, buffer);
    default:
        return -ENOSYS;
    }
}

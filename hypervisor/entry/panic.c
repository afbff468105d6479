/* Registers, a walk over the stack for anything that looks like a return address, and a halt or
 * reboot.  Uses nothing that could fail again but the log. */
#include "entry/panic.h"
#include <stdarg.h>
#include "domain/domain.h"
#include "lib/atomic.h"
#include "lib/symbols.h"
#include "lib/log.h"
#include "lib/print.h"
#include "machine/clock.h"
#include "machine/machine-check.h"
#include "machine/power.h"
#include "machine/registers.h"
#include "machine/remote.h"
#include "machine/screen.h"

#define BACKTRACE       24
#define READING_SECONDS 60U

extern const uint8_t text_start[], text_end[];
static uint32_t panicking; /* the number of the CPU that does, plus 1 */

static void print_address(uint64_t address)
{
    uint64_t offset;
    const char *name = symbol_find(address, &offset);

    log_error("    %lx %s+%lx", address, name, offset);
}

static void backtrace(const uint64_t *sp)
{
    const uint64_t *end =
        (const uint64_t *)(((uint64_t)sp | (STACK_BYTES - 1)) + 1 - sizeof(struct cpu));

    log_error("return addresses on the stack:");
    for (unsigned n = 0; sp < end && n < BACKTRACE; sp++)
        if (*sp >= (uint64_t)text_start && *sp < (uint64_t)text_end) {
            print_address(*sp);
            n++;
        }
}

/* With time to read, or to photograph, what is on the screen. */
static void leave(void) __attribute__((noreturn));

static void leave(void)
{
    remote_stop_all();
    if (!power_no_reboot)
        log_error("it reboots in %u seconds ('noreboot' keeps it)", READING_SECONDS);
    screen_draw_at_once();
    for (unsigned i = 0; i < READING_SECONDS && !power_no_reboot; i++)
        clock_delay(1000000000UL);
    power_reboot();
}

static void stop(void) __attribute__((noreturn));

static void stop(void)
{
    log_error("the machine stops; this is a bug in Paravane or a hardware fault");
    leave();
}

static void begin(void)
{
    uint32_t first = 0, me = this_cpu()->id + 1;

    interrupts_off();
    if (!atomic_compare_exchange(&panicking, &first, me)) {
        if (first == me)
            power_reboot(); /* in the middle of one: better than to stand for ever */
        power_halt();
    }
    log_break_lock();
    screen_draw_at_once();
}

void panic(const char *format, ...)
{
    char line[200];
    va_list args;
    uint64_t here;

    begin();
    va_start(args, format);
    print_to_v(line, sizeof(line), format, args);
    va_end(args);
    log_error("PANIC on CPU %u: %s", this_cpu()->id, line);
    __asm__("mov %%rsp, %0" : "=r"(here));
    backtrace((const uint64_t *)here);
    stop();
}

void boot_refuse(const char *format, ...)
{
    char line[200];
    va_list args;

    begin();
    va_start(args, format);
    print_to_v(line, sizeof(line), format, args);
    va_end(args);
    log_error("%s", line);
    log_error("the machine stops");
    leave();
}

void panic_registers(const struct cpu_regs *r, const char *what)
{
    struct cpu *cpu = this_cpu();

    begin();
    log_error("PANIC on CPU %u: %s %u, error %x, in the %s, cr2 %lx cr3 %lx", cpu->id, what,
              r->vector, r->error_code, r->cs & 3 ? "guest" : "hypervisor", cr2_read(), cr3_read());
    if (r->vector == TRAP_MC)
        machine_check_tell_all();
    if (cpu->vcpu)
        log_error("running: d%uv%u", cpu->vcpu->domain->id, cpu->vcpu->id);
    log_error("rip %lx cs %lx rflags %lx rsp %lx ss %lx", r->rip, r->cs, r->rflags, r->rsp, r->ss);
    log_error("rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx rbp %lx", r->rax, r->rbx, r->rcx,
              r->rdx, r->rsi, r->rdi, r->rbp);
    log_error("r8 %lx r9 %lx r10 %lx r11 %lx r12 %lx r13 %lx r14 %lx r15 %lx", r->r8, r->r9, r->r10,
              r->r11, r->r12, r->r13, r->r14, r->r15);
    print_address(r->rip);
    /* At the edges of a system call the stack pointer is the guest's. */
    if (!(r->cs & 3) && !((r->rsp ^ (uint64_t)cpu) / STACK_BYTES))
        backtrace((const uint64_t *)r->rsp);
    stop();
}

/*
 * Starting the other CPUs: each is a thread of its own that runs while the first one waits, with a
 * TSC and a TSC_ADJUST of its own.  Some never come, some are too far off; the next one gets what
 * was theirs.
 *
 * Sources: hypervisor/boot/cpus.c hypervisor/boot/tsc-check.c
 * Sources: hypervisor/machine/per-cpu.c
 *
 * Flags: -Itests/pc/in-place -Ihypervisor -DHOST_TEST -D_GNU_SOURCE
 * Sanitize: undefined
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <cmocka.h>
#include "boot/cpus.h"
#include "boot/early-memory.h"
#include "entry/cpu-entry.h"
#include "guest-cpu/switch.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "machine/acpi.h"
#include "machine/clock.h"
#include "machine/cpu-features.h"
#include "machine/lapic.h"
#include "machine/machine-check.h"
#include "memory/frame-allocator.h"
#include "memory/hypervisor-mappings.h"
#include "scheduling/scheduler.h"

void boot_cpu_main(void);

#define CPUS       6
#define LOW_PAGE   0x9d000UL
#define FRAMES     1024
#define THREAD     (256 << 10)
#define NO_NMI_PIN 0xff

struct acpi_facts acpi_facts;
struct cpu_features cpu_features;
uint64_t early_low_page, clock_tsc_khz = 2000000;
bool clock_never_warps;
uint64_t boot_l4[1];
uint64_t cpu_start_stack;
uint64_t image_offset = 0x600000;

__asm__(".section .rodata\n"
        ".globl cpu_trampoline, cpu_trampoline_places, cpu_trampoline_end\n"
        "cpu_trampoline: .ascii \"real mode.. \"\n"
        "cpu_trampoline_places: .long 0x200100, 0, 0x200200\n"
        "cpu_trampoline_end:\n"
        ".text");

/* A CPU of the machine, by its place in the MADT. */
static struct machine_cpu {
    bool absent;       /* listed, but nothing answers */
    uint64_t comes_at; /* when it begins to run, of the boot CPU's cycles */
    enum { LIVES, DIES_IN_ITS_TURN, DIES_BEFORE_IT_IS_ONLINE } fate;
    bool has_idt;
    int64_t tsc_behind;
    uint64_t tsc_adjust;
    /* What happened. */
    unsigned starts, inits;
    bool loaded;        /* it runs the hypervisor */
    uint8_t nmi_pin[2]; /* active_low, or none */
    struct cpu *cpu;    /* what it found at its stack */
    enum { OFF, STARTED, HALTED } state;
    ucontext_t context;
} machine[CPUS];

static struct machine_cpu *running; /* whose instructions these are */
static uint8_t stacks[CPUS][THREAD];
static uint64_t cycles; /* the TSC of one that was never adjusted */

static struct machine_cpu *cpu_of(uint32_t apic_id)
{
    for (unsigned i = 0; i < CPUS; i++)
        if (acpi_facts.cpu[i].apic_id == apic_id)
            return &machine[i];
    fail_msg("a message to APIC id %u", apic_id);
    return NULL;
}

/* Whoever waits lets the others have a go. */
static void others_run(void)
{
    struct machine_cpu *self = running;

    if (self != &machine[0]) {
        running = &machine[0];
        swapcontext(&self->context, &machine[0].context);
        return;
    }
    for (unsigned i = 1; i < CPUS; i++)
        if (machine[i].state == STARTED && cycles >= machine[i].comes_at) {
            running = &machine[i];
            swapcontext(&self->context, &machine[i].context);
        }
}

struct cpu *this_cpu(void)
{
    return running->cpu;
}

static void die(void)
{
    for (;;)
        others_run();
}

void cpu_pause(void)
{
    cycles += 100;
    others_run();
}

void clock_delay(uint64_t ns)
{
    cycles += ns * 2;
    others_run();
}

uint64_t clock_now(void)
{
    return cycles / 2;
}

uint64_t tsc_read(void)
{
    cycles += 20;
    if (running->fate == DIES_IN_ITS_TURN)
        die();
    return cycles - (uint64_t)running->tsc_behind + running->tsc_adjust;
}

uint64_t msr_read(uint32_t msr)
{
    if (msr != MSR_TSC_ADJUST || !cpu_features.tsc_adjust)
        fail_msg("rdmsr of 0x%x", msr);
    return running->tsc_adjust;
}

void msr_write(uint32_t msr, uint64_t value)
{
    if (msr != MSR_TSC_ADJUST || !cpu_features.tsc_adjust)
        fail_msg("wrmsr of 0x%x", msr);
    assert_true(running->has_idt);
    running->tsc_adjust = value;
}

/* INIT ends whatever it did; the stack is nobody's from then on. */
void lapic_send_init(uint32_t apic_id)
{
    struct machine_cpu *m = cpu_of(apic_id);

    m->inits++;
    m->state = OFF;
    m->has_idt = false;
}

static void thread(void)
{
    /* The stack it was given lies right below its structure's frame. */
    running->cpu = (struct cpu *)(cpu_start_stack - offsetof(struct cpu, frame));
    boot_cpu_main();
}

void lapic_send_startup(uint32_t apic_id, unsigned page)
{
    struct machine_cpu *m = cpu_of(apic_id);

    assert_int_equal(page, LOW_PAGE >> PAGE_SHIFT);
    assert_memory_equal((void *)(DIRECT_VIRT + LOW_PAGE), "real mode", 9);
    /* It knows where the image lies. */
    assert_memory_equal((void *)(DIRECT_VIRT + LOW_PAGE + 12),
                        ((uint32_t[]){ 0x800100, 0x600000, 0x800200 }), 12);
    assert_true(m->inits > 0);
    m->starts++;
    if (m->absent || m->state == STARTED)
        return; /* a second message to one that runs is ignored: SDM volume 3, 8.4.4.1 */
    m->state = STARTED;
    getcontext(&m->context);
    m->context.uc_stack.ss_sp = stacks[m - machine];
    m->context.uc_stack.ss_size = THREAD;
    makecontext(&m->context, thread, 0);
}

void scheduler_start_cpu(void)
{
    running->state = HALTED; /* idle for ever */
    for (;;)
        others_run();
}

/* Machine memory is a file; what is mapped anew stays as it was until it is invalidated. */
static int memory;
static uint64_t frames_used;
static struct {
    uint64_t virt;
    bool stale;
} mapped[FRAMES];
static unsigned mapped_count;

mfn_t frames_allocate(unsigned order, uint32_t flags, bool zeroed)
{
    (void)order;
    (void)flags;
    (void)zeroed;
    assert_true(frames_used < FRAMES);
    return mfn(0x100 + frames_used++);
}

void mappings_add(uint64_t virt, mfn_t m, uint64_t count, uint64_t flags)
{
    unsigned i = 0;

    (void)flags;
    assert_int_equal(count, 1);
    while (i < mapped_count && mapped[i].virt != virt)
        i++;
    mapped[i].stale = i < mapped_count;
    mapped[i].virt = virt;
    mapped_count = max(mapped_count, i + 1);
    assert_ptr_not_equal(mmap((void *)virt, PAGE_SIZE, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_FIXED, memory, (off_t)(m.n << PAGE_SHIFT)),
                         MAP_FAILED);
}

void page_invalidate(uint64_t address)
{
    for (unsigned i = 0; i < mapped_count; i++)
        if (mapped[i].virt == address)
            mapped[i].stale = false;
}

/* What each CPU is loaded with. */
void cpu_control_init(void)
{
    assert_true(running->has_idt || running == &machine[0]); /* it may fault */
}

void idt_load(void)
{
    running->has_idt = true;
}

void descriptor_tables_load(unsigned cpu)
{
    assert_int_equal(cpu, this_cpu()->id);
    for (unsigned i = 0; i < mapped_count; i++)
        assert_false(mapped[i].stale);
}

void cpu_entry_load(uint64_t address)
{
    assert_int_equal(address, CPU_AREAS_VIRT + this_cpu()->id * CPU_AREA_BYTES);
}

void lapic_enable(void)
{
    memset(running->nmi_pin, NO_NMI_PIN, sizeof(running->nmi_pin));
    if (running->fate == DIES_BEFORE_IT_IS_ONLINE)
        die();
}

void lapic_nmi_pin(unsigned lint, bool active_low)
{
    running->nmi_pin[lint] = active_low;
}

void machine_check_init(void)
{
    running->loaded = true;
}

void tlb_flush_local(void)
{
}

void tlb_flush_cpus(const struct cpu_set *cpus)
{
    (void)cpus;
}

void tss_fill(struct tss *tss, uint64_t stack_block)
{
    (void)tss;
    (void)stack_block;
}

void descriptor_page_fill(uint64_t *page, const struct tss *tss)
{
    (void)page;
    (void)tss;
}

void vcpu_switch_init(unsigned cpu, uint64_t *descriptor_page)
{
    (void)cpu;
    (void)descriptor_page;
}

void scheduler_add_cpu(unsigned cpu)
{
    (void)cpu;
}

void cpu_entry_write_stubs(uint8_t *writable, uint64_t address, uint64_t frame)
{
    (void)writable;
    (void)address;
    (void)frame;
}

void idt_build(void)
{
}

uint64_t idle_root(void)
{
    return 0x1000;
}

static unsigned warnings;

void log_print(enum log_level level, const char *format, ...)
{
    (void)format;
    warnings += level == LOG_WARNING;
}

void panic(const char *format, ...)
{
    fail_msg("panic: %s", format);
    abort();
}

static int setup(void **state)
{
    static struct cpu boot_stack;

    (void)state;
    memset(machine, 0, sizeof(machine));
    memset(&acpi_facts, 0, sizeof(acpi_facts));
    memset(&cpu_features, 0, sizeof(cpu_features));
    memset(&cpus_online, 0, sizeof(cpus_online));
    memset(cpu_table, 0, sizeof(cpu_table));
    running = &machine[0];
    running->cpu = &boot_stack;
    running->state = STARTED;
    frames_used = mapped_count = warnings = 0;
    early_low_page = LOW_PAGE;
    clock_never_warps = true;
    acpi_facts.cpus = CPUS;
    for (unsigned i = 0; i < CPUS; i++) {
        acpi_facts.cpu[i].apic_id = 2 * i;
        acpi_facts.cpu[i].acpi_id = 10 + i;
    }
    memory = memfd_create("machine", 0);
    assert_int_equal(ftruncate(memory, (0x100 + FRAMES) << PAGE_SHIFT), 0);
    assert_ptr_not_equal(mmap((void *)DIRECT_VIRT, (0x100 + FRAMES) << PAGE_SHIFT,
                              PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory, 0),
                         MAP_FAILED);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    munmap((void *)DIRECT_VIRT, (0x100 + FRAMES) << PAGE_SHIFT);
    munmap((void *)CPU_AREAS_VIRT, CPUS * CPU_AREA_BYTES);
    munmap((void *)DESCRIPTOR_VIRT, CPUS * DESCRIPTOR_WINDOW_BYTES);
    close(memory);
    return 0;
}

static void start(unsigned limit)
{
    cpu_boot_init();
    cpus_start(limit);
    for (unsigned id = 0; id < cpu_count; id++) {
        struct machine_cpu *m = cpu_of(cpu_table[id]->apic_id);

        assert_true(m->loaded && cpu_set_has(&cpus_online, id));
        assert_int_equal(cpu_table[id]->id, id);
        assert_int_equal(cpu_table[id]->acpi_id, acpi_facts.cpu[m - machine].acpi_id);
        assert_true(id == 0 || m->cpu == cpu_table[id]);
    }
    assert_int_equal(boot_l4[0], 0);
}

static void all_of_them_run(void **state)
{
    (void)state;
    boot_l4[0] = 1;
    start(256);
    assert_int_equal(cpu_count, CPUS);
    assert_int_equal(warnings, 0);
    assert_true(clock_never_warps);
    for (unsigned i = 1; i < CPUS; i++)
        assert_int_equal(machine[i].starts, 1);
}

static void one_that_does_not_answer(void **state)
{
    (void)state;
    machine[2].absent = true;
    machine[5].absent = true;
    start(256);
    assert_int_equal(cpu_count, CPUS - 2);
    assert_false(machine[2].loaded || machine[5].loaded);
    assert_int_equal(machine[2].starts, 2); /* the message is repeated: 8.4.4.1 */
    assert_int_equal(cpu_table[2]->apic_id, 6);
    assert_int_equal(warnings, 2);
}

/* Between the two messages, or before the second is given up. */
static void one_that_is_slow_to_come(void **state)
{
    (void)state;
    machine[2].comes_at = cycles + 2 * 150 * 1000 * 1000UL;
    start(256);
    assert_int_equal(cpu_count, CPUS);
    assert_int_equal(machine[2].starts, 2);
}

static void those_that_die_on_the_way(void **state)
{
    (void)state;
    machine[2].fate = DIES_IN_ITS_TURN;
    machine[4].fate = DIES_BEFORE_IT_IS_ONLINE;
    start(256);
    assert_int_equal(cpu_count, CPUS - 2);
    assert_int_equal(machine[2].state, OFF);
    assert_int_equal(machine[4].state, OFF);
    assert_int_equal(warnings, 2);
}

/* Messages of devices have eight bits for it. */
static void devices_interrupt_a_cpu_they_can_name(void **state)
{
    (void)state;
    acpi_facts.cpu[0].apic_id = 510;
    start(256);
    assert_int_equal(cpu_for_devices(), 2);
    assert_int_equal(warnings, 0);
    teardown(state);
    setup(state);
    for (unsigned i = 0; i < CPUS; i++)
        acpi_facts.cpu[i].apic_id += 255;
    start(256);
    assert_int_equal(warnings, 1); /* nobody hears of a device */
}

/* Its TSC does not fit: INIT has ended it. */
static void what_is_left_out_is_ended(void **state)
{
    (void)state;
    machine[3].tsc_behind = 100000;
    start(256);
    assert_int_equal(cpu_count, CPUS - 1);
    assert_int_equal(machine[3].state, OFF);
    assert_false(machine[3].loaded);
    assert_int_equal(machine[3].inits, 2);
    assert_int_equal(cpu_table[3]->apic_id, 8);
}

static void only_so_many_are_wanted(void **state)
{
    (void)state;
    machine[1].absent = true;
    start(3);
    assert_int_equal(cpu_count, 3);
    assert_int_equal(machine[4].starts, 0);
    teardown(state);
    setup(state);
    start(1);
    assert_int_equal(cpu_count, 1);
    for (unsigned i = 1; i < CPUS; i++)
        assert_int_equal(machine[i].starts + machine[i].inits, 0);
}

static void no_page_to_start_in(void **state)
{
    (void)state;
    early_low_page = 0;
    start(256);
    assert_int_equal(cpu_count, 1);
    assert_int_equal(warnings, 1);
}

/* SDM volume 3, 17.17.3: firmware has set it on the first CPU alone; or differently, to make the
 * TSCs fit, which must stay. */
static void adjustments_are_made_alike_where_it_helps(void **state)
{
    (void)state;
    cpu_features.tsc_adjust = true;
    machine[0].tsc_adjust = (uint64_t)-5000000;
    for (unsigned i = 1; i < CPUS; i++)
        machine[i].tsc_adjust = i == 4 ? 0 : machine[0].tsc_adjust;
    machine[5].tsc_behind = 7000;
    machine[5].tsc_adjust += 7000;
    start(256);
    assert_int_equal(cpu_count, CPUS);
    assert_int_equal(warnings, 1); /* what it was found to be before */
    assert_int_equal(machine[4].tsc_adjust, machine[0].tsc_adjust);
    assert_int_equal(machine[4].starts, 2);
    assert_int_equal(machine[5].tsc_adjust, machine[0].tsc_adjust + 7000);
    assert_int_equal(machine[5].starts, 1);
}

/* Without the register there is nothing to be tried. */
static void no_adjustment_without_the_register(void **state)
{
    (void)state;
    machine[4].tsc_behind = -5000000;
    machine[5].tsc_behind = 500; /* a quarter of a microsecond may be lost */
    start(256);
    assert_int_equal(cpu_count, CPUS - 1);
    assert_int_equal(machine[4].starts, 1);
    assert_true(machine[5].loaded);
    assert_false(clock_never_warps);
}

static void expect_pins(unsigned i, uint8_t lint0, uint8_t lint1)
{
    assert_int_equal(machine[i].nmi_pin[0], lint0);
    assert_int_equal(machine[i].nmi_pin[1], lint1);
}

static void nmis_come_on_the_pins_that_are_listed(void **state)
{
    (void)state;
    start(256);
    for (unsigned i = 0; i < CPUS; i++) /* none is: as they always did */
        expect_pins(i, NO_NMI_PIN, 0);
    teardown(state);
    setup(state);
    acpi_facts.nmi_pins = 3;
    acpi_facts.nmi_pin[0] = (struct acpi_nmi_pin){ .acpi_id = 10, .lint = 1 };
    acpi_facts.nmi_pin[1] = (struct acpi_nmi_pin){ .acpi_id = 12, .lint = 0, .active_low = true };
    acpi_facts.nmi_pin[2] = (struct acpi_nmi_pin){ .acpi_id = 6, .lint = 1 }; /* no ACPI id */
    start(256);
    expect_pins(0, NO_NMI_PIN, 0);
    expect_pins(2, 1, NO_NMI_PIN);
    expect_pins(3, NO_NMI_PIN, NO_NMI_PIN);
    teardown(state);
    setup(state);
    acpi_facts.nmi_pins = 1;
    acpi_facts.nmi_pin[0] = (struct acpi_nmi_pin){ ACPI_ALL_CPUS, 1, false, true };
    start(256);
    for (unsigned i = 0; i < CPUS; i++)
        expect_pins(i, NO_NMI_PIN, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(all_of_them_run),
        CASE(one_that_does_not_answer),
        CASE(one_that_is_slow_to_come),
        CASE(those_that_die_on_the_way),
        CASE(devices_interrupt_a_cpu_they_can_name),
        CASE(what_is_left_out_is_ended),
        CASE(only_so_many_are_wanted),
        CASE(no_page_to_start_in),
        CASE(adjustments_are_made_alike_where_it_helps),
        CASE(no_adjustment_without_the_register),
        CASE(nmis_come_on_the_pins_that_are_listed),
    };

    return cmocka_run_group_tests_name("pc-cpus", tests, NULL, NULL);
}

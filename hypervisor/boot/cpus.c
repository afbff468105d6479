/* A CPU's area (address-map.h): its SYSCALL stubs, its TSS, its stack block with struct cpu. */
#include "boot/cpus.h"
#include "boot/early-memory.h"
#include "boot/tsc-check.h"
#include "entry/cpu-entry.h"
#include "guest-cpu/switch.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/acpi.h"
#include "machine/clock.h"
#include "machine/cpu-features.h"
#include "machine/lapic.h"
#include "machine/machine-check.h"
#include "memory/frame-allocator.h"
#include "memory/hypervisor-mappings.h"
#include "scheduling/scheduler.h"

#define TSS_OFFSET   0x1000
#define STACK_OFFSET 0x8000
#define ONLINE_NS    (5 * 1000 * 1000 * 1000UL)

extern const uint8_t cpu_trampoline[], cpu_trampoline_places[], cpu_trampoline_end[];
extern uint64_t image_offset; /* start.S */
extern uint64_t cpu_start_stack;
extern uint64_t boot_l4[];
void boot_cpu_main(void);

static uint64_t area_of(unsigned id)
{
    return CPU_AREAS_VIRT + id * CPU_AREA_BYTES;
}

static void *page_at(uint64_t virt, uint64_t flags)
{
    mfn_t m = frames_allocate(0, 0, false);

    if (mfn_is_none(m))
        panic("no memory for a CPU's area");
    memset(frame_virt(m), 0, PAGE_SIZE);
    mappings_add(virt, m, 1, flags);
    page_invalidate(virt); /* a CPU that was left out had another one there */
    return frame_virt(m);
}

/* Everything a CPU needs before it runs. */
static struct cpu *cpu_prepare(unsigned id, uint32_t apic_id, uint32_t acpi_id)
{
    uint64_t area = area_of(id), block = area + STACK_OFFSET;
    struct cpu *cpu = (struct cpu *)(block + STACK_BYTES - sizeof(struct cpu));
    uint8_t *stubs = page_at(area, MAP_RX);
    uint64_t *descriptors = page_at(gdt_window(id) + GDT_GUEST_PAGES * PAGE_SIZE, MAP_RW);

    page_at(area + TSS_OFFSET, MAP_RW);
    for (unsigned p = 0; p < STACK_BYTES / PAGE_SIZE; p++)
        if (p != 3) /* the page below the stack stays unmapped: an overflow faults */
            page_at(block + p * PAGE_SIZE, MAP_RW);
    cpu->id = id;
    cpu->apic_id = apic_id;
    cpu->acpi_id = acpi_id;
    cpu->root = idle_root();
    tss_fill((struct tss *)(area + TSS_OFFSET), block);
    descriptor_page_fill(descriptors, (const struct tss *)(area + TSS_OFFSET));
    vcpu_switch_init(id, descriptors);
    scheduler_add_cpu(id);
    cpu_entry_write_stubs(stubs, area, (uint64_t)&cpu->frame);
    cpu_table[id] = cpu;
    return cpu;
}

/* Where no pin is listed NMIs come as they always did. */
static void nmi_pins_open(uint32_t acpi_id)
{
    if (!acpi_facts.nmi_pins)
        lapic_nmi_pin(1, false);
    for (unsigned i = 0; i < acpi_facts.nmi_pins; i++) {
        const struct acpi_nmi_pin *pin = &acpi_facts.nmi_pin[i];

        if (pin->acpi_id == ACPI_ALL_CPUS || pin->acpi_id == acpi_id)
            lapic_nmi_pin(pin->lint, pin->active_low);
    }
}

static void cpu_load(unsigned id)
{
    cpu_control_init();
    descriptor_tables_load(id);
    cpu_entry_load(area_of(id));
    lapic_enable();
    nmi_pins_open(cpu_table[id]->acpi_id);
    machine_check_init();
    tlb_flush_local(); /* noted: frames given out later are none of this CPU's business */
    cpu_set_add_atomic(&cpus_online, id);
}

void cpu_boot_init(void)
{
    this_cpu()->root = idle_root(); /* of the boot stack too */
    cpu_control_init();
    cpu_prepare(0, acpi_facts.cpu[0].apic_id, acpi_facts.cpu[0].acpi_id);
    cpu_count = 1;
    cpu_load(0);
    idt_build(); /* its stacks are the TSS's, which is loaded now */
}

void boot_cpu_main(void)
{
    idt_load(); /* its stacks for some vectors come with the TSS */
    tsc_check_answer();
    cpu_load(this_cpu()->id);
    scheduler_start_cpu();
}

/* Guests and the scheduler compare times of different CPUs: up to a microsecond may be lost, but
 * then guests have to watch for it. */
static bool tsc_fits(uint32_t apic_id, uint64_t cycles_apart)
{
    if (cycles_apart)
        clock_never_warps = false;
    if (cycles_apart <= clock_tsc_khz / 1000)
        return true;
    log_warning("CPU with APIC id %u: its TSC is %lu cycles away from the first CPU's", apic_id,
                cycles_apart);
    return false;
}

static bool comes_online(unsigned id)
{
    uint64_t end = clock_now() + ONLINE_NS;

    while (!cpu_set_has(&cpus_online, id)) {
        if (clock_now() > end)
            return false;
        cpu_pause();
    }
    return true;
}

static bool start_one(unsigned id, uint32_t apic_id, uint32_t acpi_id)
{
    struct cpu *cpu = cpu_prepare(id, apic_id, acpi_id);
    bool fits = false, adjusted = false;
    uint64_t apart;

    cpu_start_stack = (uint64_t)&cpu->frame;
    tsc_check_begin(adjusted);
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        lapic_send_startup(apic_id, early_low_page >> PAGE_SHIFT);
        if (!tsc_check_ask(&apart))
            continue;
        fits = tsc_fits(apic_id, apart);
        tsc_check_verdict(fits);
        if (fits || !cpu_features.tsc_adjust)
            break;
        adjusted = true; /* once more, with our adjustment */
        lapic_send_init(apic_id);
        clock_delay(10 * 1000 * 1000);
        tsc_check_begin(adjusted);
    }
    if (fits && comes_online(id))
        return true;
    lapic_send_init(apic_id); /* it does nothing from here on */
    cpu_set_remove_atomic(&cpus_online, id);
    return false;
}

/* All of them at once, as they need some time after it.  Then each waits for its start-up message.
 */
static void init_others(void)
{
    for (unsigned i = 1; i < acpi_facts.cpus; i++)
        lapic_send_init(acpi_facts.cpu[i].apic_id);
    if (acpi_facts.cpus > 1)
        clock_delay(10 * 1000 * 1000);
}

static void trampoline_put(uint8_t *page)
{
    uint32_t *places = (uint32_t *)(page + (cpu_trampoline_places - cpu_trampoline));

    memcpy(page, cpu_trampoline, (size_t)(cpu_trampoline_end - cpu_trampoline));
    for (unsigned i = 0; i < 3; i++)
        places[i] += (uint32_t)image_offset;
}

void cpus_start(unsigned limit)
{
    if (!early_low_page && acpi_facts.cpus > 1 && limit > 1) {
        log_warning("no free memory below 640 KiB: other CPUs cannot start");
        limit = 1;
    }
    if (early_low_page)
        trampoline_put(frame_virt(mfn(early_low_page >> PAGE_SHIFT)));
    tsc_check_init();
    if (limit > 1)
        init_others();
    cpu_words = (min(limit, acpi_facts.cpus) + CPU_WORD_BITS - 1) / CPU_WORD_BITS;
    for (unsigned i = 1; i < acpi_facts.cpus && cpu_count < limit; i++) {
        if (start_one(cpu_count, acpi_facts.cpu[i].apic_id, acpi_facts.cpu[i].acpi_id))
            cpu_count++;
        else
            log_warning("CPU with APIC id %u is left out", acpi_facts.cpu[i].apic_id);
    }
    /* The identity mapping was for the start alone. */
    boot_l4[0] = 0;
    tlb_flush_cpus(&cpus_online);
    if (cpu_for_devices() >= 255)
        log_warning("no CPU that devices can interrupt: all APIC ids are above 254");
    log_info("CPUs: %u running%s", cpu_count,
             acpi_facts.cpus_ignored ? " (the machine has more than we use)" : "");
}

/* The start-up story, a call per line. */
#include "boot/boot-info.h"
#include "boot/build-dom0.h"
#include "boot/command-line.h"
#include "boot/cpus.h"
#include "boot/early-memory.h"
#include "boot/firmware-map.h"
#include "boot/firmware-tables.h"
#include "boot/smap-test.h"
#include "events/device-irq.h"
#include "guest-paging/entry-references.h"
#include "hypercalls/build-info.h"
#include "hypercalls/console-input.h"
#include "hypercalls/machine-map.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lifecycle/destroy.h"
#include "lifecycle/shutdown.h"
#include "machine/acpi.h"
#include "machine/clock.h"
#include "machine/cpu-features.h"
#include "machine/descriptor-tables.h"
#include "machine/efi.h"
#include "machine/ioapic.h"
#include "machine/iommu.h"
#include "machine/lapic.h"
#include "machine/pci-serial.h"
#include "machine/power.h"
#include "machine/registers.h"
#include "machine/remote.h"
#include "machine/screen.h"
#include "machine/serial.h"
#include "machine/string-speed.h"
#include "machine/timer.h"
#include "machine/tsc-rate.h"
#include "memory/hypervisor-mappings.h"
#include "scheduling/idle.h"
#include "scheduling/scheduler.h"

#define VGA_TEXT 0xb8000 /* physical, two bytes a character */

void boot_main(uint32_t magic, uint64_t information) __attribute__((noreturn));

static void consoles_init(void)
{
    if (serial_init(options.com + options.serial_first, options.serial_count))
        log_add_writer(serial_write);
    log_set_threshold(options.log_level);
}

static const struct display *find_pixels(const struct framebuffer *f)
{
    void *pixels = firmware_map_device(f->address, (size_t)f->pitch * f->height, MAP_SCREEN);

    if (!pixels) {
        log_warning("screen: none can be at %lx: passed over", f->address);
        return NULL;
    }
    log_info("screen: %u x %u pixels of %u bits", f->width, f->height, f->bits_per_pixel);
    return framebuffer_display(f, pixels);
}

static const struct display *find_display(void)
{
    if (boot_info.screen == SCREEN_NONE)
        log_info("screen: the boot loader set up none");
    if (boot_info.screen == SCREEN_TEXT)
        return vga_text_display(device_map(VGA_TEXT, PAGE_SIZE, MAP_DEVICE));
    if (boot_info.screen == SCREEN_PIXELS)
        return find_pixels(&boot_info.framebuffer);
    return NULL;
}

/* Gets what was logged until now, and all that comes. */
static void console_add(void (*write)(const char *text, size_t n))
{
    char text[256];
    uint32_t at = 0;
    size_t n;

    while ((n = log_read(&at, text, sizeof(text))))
        write(text, n);
    log_add_writer(write);
}

/* The screen needs page tables of our own first. */
static void screen_console_init(void)
{
    const struct display *d = options.console_vga ? find_display() : NULL;

    if (!d)
        return;
    screen_init(d);
    console_add(screen_write);
}

/* Where neither of the usual ports answers, the firmware may know another, or PCI has one. */
static void serial_console_find(void)
{
    struct serial_port on_pci;

    if (!options.serial_count || serial_base())
        return;
    if ((acpi_facts.console.base && serial_init(&acpi_facts.console, 1)) ||
        (pci_serial_find(&on_pci) && serial_init(&on_pci, 1)))
        console_add(serial_write);
}

static void remind_to_draw(void)
{
    atomic_or(&this_cpu()->deferred, DEFERRED_SCREEN);
}

static void firmware_read(void)
{
    if (!boot_info.have_rsdp)
        boot_refuse("the boot loader passed on no ACPI tables: Paravane needs them");
    if (acpi_init(boot_info.rsdp, lapic_id(), firmware_map))
        boot_refuse("ACPI has no table of interrupt controllers (MADT)");
    efi_init(boot_info.efi_system_table, firmware_map);
}

static void clock_start(void)
{
    struct reference_timers timers = { .pm_timer = acpi_facts.pm_timer,
                                       .pm_timer_32 = acpi_facts.pm_timer_32,
                                       .pit = true };

    timers.hpet = firmware_map(acpi_facts.hpet_address, PAGE_SIZE, true);
    clock_init(&timers, !acpi_facts.no_rtc);
}

/* Masked for good, and before LINT0, or what they have raised already stays with the CPU. */
static void old_controllers_mask(void)
{
    port_outb(0x21, 0xff);
    port_outb(0xa1, 0xff);
}

static void iommu_off(uint64_t address, bool amd)
{
    void *registers = firmware_map(address, PAGE_SIZE, true);

    if (!registers) {
        log_warning("no IOMMU can be at %lx: passed over", address);
        return;
    }
    device_frame_reserve(mfn(address >> PAGE_SHIFT));
    if (!iommu_switch_off(registers, amd))
        boot_refuse("the IOMMU at %lx stays on: switch it off in the firmware's setup (VT-d, "
                    "AMD-Vi)",
                    address);
}

static void iommus_off(void)
{
    if (acpi_facts.iommus_ignored || acpi_facts.ioapics_ignored)
        log_warning("%u IOMMUs and %u IO-APICs more than we have room for",
                    acpi_facts.iommus_ignored, acpi_facts.ioapics_ignored);
    for (unsigned i = 0; i < acpi_facts.iommus; i++)
        iommu_off(acpi_facts.iommu[i].address, acpi_facts.iommu[i].amd);
}

static void ioapic_start(const struct acpi_ioapic *io)
{
    void *registers = firmware_map(io->address, PAGE_SIZE, true);

    if (!registers) {
        log_warning("no IO-APIC can be at %x: passed over", io->address);
        return;
    }
    ioapic_add(io->id, io->address, registers, io->gsi_base);
    device_frame_reserve(mfn(io->address >> PAGE_SHIFT));
}

static void interrupt_controllers_init(void)
{
    iommus_off(); /* they may translate interrupts, too */
    device_frame_reserve(mfn(lapic_address() >> PAGE_SHIFT));
    for (unsigned i = 0; i < acpi_facts.ioapics; i++)
        ioapic_start(&acpi_facts.ioapic[i]);
    remote_init();
    timers_init();
    device_irqs_init();
}

static void remember_machine(void)
{
    string_copy(hypervisor_command_line, boot_info.command_line, sizeof(hypervisor_command_line));
    memcpy(machine_map, boot_info.e820, sizeof(machine_map));
    machine_map_entries = boot_info.e820_entries;
}

void boot_main(uint32_t magic, uint64_t information)
{
    struct domain *dom0;

    idt_load_early();
    boot_info_read(magic, information);
    command_line_parse(boot_info.command_line);
    consoles_init();
    log_info("Paravane %s, started by %s", BUILD_REVISION,
             boot_info.loader[0] ? boot_info.loader : "an unnamed loader");
    log_info("command line: %s", boot_info.command_line);
    command_line_warn();
    power_no_reboot = options.no_reboot;
    cpu_features_detect(options.smap);
    cpu_control_init(); /* our PAT, before anything is mapped by it: the screen is */
    firmware_tables_keep();
    early_memory_init();
    screen_console_init();
    old_controllers_mask();
    lapic_init(device_map(lapic_address(), PAGE_SIZE, MAP_DEVICE));
    firmware_read();
    serial_console_find();
    clock_start();
    cpu_boot_init();
    smap_test();
    string_speed_detect();
    lapic_timer_calibrate();
    interrupt_controllers_init();
    lifecycle_init();
    shutdown_init();
    cpus_start(options.max_cpus);
    log_info("SMAP is %s, SMEP is %s", cpu_features.smap ? "on" : "off",
             cpu_features.smep ? "on" : "off");
    remember_machine();
    dom0 = dom0_build();
    console_input_init();
    if (domain_unpause(dom0))
        panic("the control domain does not start");
    vcpu_start(dom0->vcpus[0], VCPU_DOWN);
    screen_draw_later(remind_to_draw);
    idle_loop_reset(cpu_table[0]);
}

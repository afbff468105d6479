/*
 * Tables of firmware for the model: a piece of physical memory in which a test puts them together.
 */
#ifndef TESTS_PC_ACPI_BUILD_H
#define TESTS_PC_ACPI_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACPI_MEMORY_AT    0x7fe00000UL
#define ACPI_MEMORY_BYTES (1U << 21)

/* Empties the memory. */
void acpi_build_reset(void);
/* What the hypervisor's map function gives for it; NULL outside. */
void *acpi_build_map(uint64_t physical, size_t bytes, bool registers);

/* One table being written: header first. */
struct table_build {
    uint8_t bytes[32768];
    uint32_t length;
};

void table_start(struct table_build *t, const char *signature, uint8_t revision, uint32_t length);
void table_set(struct table_build *t, uint32_t at, unsigned bytes, uint64_t value);
void table_add(struct table_build *t, const void *bytes, uint32_t count);
/* A generic address. */
void table_set_address(struct table_build *t, uint32_t at, uint8_t space, uint64_t address);
/* Puts it into memory with a right checksum; its physical address. */
uint64_t table_put(struct table_build *t);
/* The same, with a wrong one. */
uint64_t table_put_wrong(struct table_build *t);

/* The MADT's entries. */
void madt_start(struct table_build *t);
void madt_cpu(struct table_build *t, uint8_t acpi_id, uint8_t apic_id, uint32_t flags);
void madt_x2apic(struct table_build *t, uint32_t acpi_id, uint32_t apic_id, uint32_t flags);
void madt_ioapic(struct table_build *t, uint8_t id, uint32_t address, uint32_t gsi_base);
void madt_override(struct table_build *t, uint8_t irq, uint32_t gsi, uint16_t flags);
void madt_nmi(struct table_build *t, uint8_t acpi_id, uint16_t flags, uint8_t lint);
void madt_x2apic_nmi(struct table_build *t, uint32_t acpi_id, uint16_t flags, uint8_t lint);

/* A DSDT that is nothing but \_S5 with these two sleep types; its physical address. */
uint64_t dsdt_put(uint8_t type_a, uint8_t type_b);
/* The same, and the numbers of PCI's roots. */
uint64_t dsdt_put_with_roots(uint8_t type_a, uint8_t type_b, const uint8_t *roots, unsigned count);

/* The root: 36 bytes for acpi_init.  Which of the two root tables there are. */
enum root { ROOT_RSDT, ROOT_XSDT, ROOT_BOTH, ROOT_XSDT_IS_0 };
const void *root_put(enum root root, const uint64_t *tables, unsigned count);

#endif

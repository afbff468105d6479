/* Registers and memory operands of a decoded instruction. */
#ifndef EMULATION_OPERANDS_H
#define EMULATION_OPERANDS_H

#include "guest-cpu/decode.h"
#include "machine/per-cpu.h"

/* Copies the code at rip, up to the end of a page if the next one is not there; the number of
 * bytes, 0 if there are none. */
unsigned instruction_fetch(const struct cpu_regs *regs, uint8_t bytes[INSTRUCTION_MAX]);

/* General registers by their number in instructions. */
uint64_t *operand_register(struct cpu_regs *regs, unsigned number);
/* A register as an operand of `size` bytes, zero extended; AH-BH without a REX prefix. */
uint64_t operand_read(struct cpu_regs *regs, unsigned number, unsigned size, bool rex);
/* Writes as the processor does: 4 bytes clear the upper half, 1 and 2 leave the rest. */
void operand_write(struct cpu_regs *regs, unsigned number, unsigned size, bool rex, uint64_t value);
uint64_t operand_address(struct cpu_regs *regs, const struct instruction *i);

#endif

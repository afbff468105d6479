/* Registers and memory operands of a decoded instruction.  SDM volume 2, 2.1.5 and 2.2.1. */
#ifndef EMULATION_OPERANDS_H
#define EMULATION_OPERANDS_H

#include "guest-cpu/decode.h"
#include "machine/per-cpu.h"

/* Where struct cpu_regs has the general register of a number. */
extern const uint8_t operand_offset[16];

/* General registers by their number in instructions. */
static inline uint64_t *operand_register(struct cpu_regs *regs, unsigned number)
{
    return (uint64_t *)((char *)regs + operand_offset[number & 15]);
}

/* A register as an operand of `size` bytes, zero extended; AH-BH without a REX prefix. */
uint64_t operand_read(struct cpu_regs *regs, unsigned number, unsigned size, bool rex);
/* Writes as the processor does: 4 bytes clear the upper half, 1 and 2 leave the rest. */
void operand_write(struct cpu_regs *regs, unsigned number, unsigned size, bool rex, uint64_t value);

static inline uint64_t operand_address(struct cpu_regs *regs, const struct instruction *i)
{
    uint64_t at = (uint64_t)(int64_t)i->displacement;

    if (i->base == REG_RIP)
        at += regs->rip + i->length;
    else if (i->base != REG_NONE)
        at += *operand_register(regs, i->base);
    if (i->index != REG_NONE)
        at += *operand_register(regs, i->index) << i->scale;
    return at;
}

#endif

/* General registers, whole or in part. */
#include "emulation/operands.h"

#define AT(name) offsetof(struct cpu_regs, name)

const uint8_t operand_offset[16] = {
    AT(rax), AT(rcx), AT(rdx), AT(rbx), AT(rsp), AT(rbp), AT(rsi), AT(rdi),
    AT(r8),  AT(r9),  AT(r10), AT(r11), AT(r12), AT(r13), AT(r14), AT(r15),
};
_Static_assert(sizeof(struct cpu_regs) <= UINT8_MAX, "offsets fit");

static bool is_high_byte(unsigned number, unsigned size, bool rex)
{
    return size == 1 && !rex && number >= 4 && number < 8;
}

static uint64_t mask_of(unsigned size)
{
    return size == 8 ? UINT64_MAX : (1UL << (8 * size)) - 1;
}

uint64_t operand_read(struct cpu_regs *r, unsigned number, unsigned size, bool rex)
{
    if (is_high_byte(number, size, rex))
        return *operand_register(r, number - 4) >> 8 & 0xff;
    return *operand_register(r, number) & mask_of(size);
}

void operand_write(struct cpu_regs *r, unsigned number, unsigned size, bool rex, uint64_t value)
{
    uint64_t *reg = operand_register(r, is_high_byte(number, size, rex) ? number - 4 : number);

    if (is_high_byte(number, size, rex))
        *reg = (*reg & ~0xff00UL) | (value & 0xff) << 8;
    else if (size >= 4)
        *reg = value & mask_of(size);
    else
        *reg = (*reg & ~mask_of(size)) | (value & mask_of(size));
}

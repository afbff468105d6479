/* SDM volume 2, 2.1.5 and 2.2.1. */
#include "emulation/operands.h"
#include "domain/guest-memory.h"

unsigned instruction_fetch(const struct cpu_regs *regs, uint8_t bytes[INSTRUCTION_MAX])
{
    unsigned in_page = (unsigned)(PAGE_SIZE - (regs->rip & (PAGE_SIZE - 1)));

    if (!guest_read(bytes, regs->rip, INSTRUCTION_MAX))
        return INSTRUCTION_MAX;
    if (in_page < INSTRUCTION_MAX && !guest_read(bytes, regs->rip, in_page))
        return in_page;
    return 0;
}

uint64_t *operand_register(struct cpu_regs *r, unsigned number)
{
    uint64_t *const map[16] = { &r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp,
                                &r->rsi, &r->rdi, &r->r8,  &r->r9,  &r->r10, &r->r11,
                                &r->r12, &r->r13, &r->r14, &r->r15 };

    return map[number & 15];
}

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

uint64_t operand_address(struct cpu_regs *r, const struct instruction *i)
{
    uint64_t at = (uint64_t)(int64_t)i->displacement;

    if (i->base == REG_RIP)
        at += r->rip + i->length;
    else if (i->base != REG_NONE)
        at += *operand_register(r, i->base);
    if (i->index != REG_NONE)
        at += *operand_register(r, i->index) << i->scale;
    return at;
}

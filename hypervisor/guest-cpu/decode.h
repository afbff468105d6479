/*
 * Decoding the few instructions that are finished for a guest.  The bytes are copied once from
 * guest memory; nothing is read again.  Plain C on plain values: host tests run it unchanged.
 */
#ifndef GUEST_CPU_DECODE_H
#define GUEST_CPU_DECODE_H

#include "lib/types.h"

#define INSTRUCTION_MAX 15

enum operation {
    OP_UNKNOWN,
    OP_RDMSR,
    OP_WRMSR,
    OP_CPUID,
    OP_XSETBV,
    OP_WBINVD,
    OP_CLTS,
    OP_CLI,
    OP_STI,
    OP_HLT,
    OP_READ_CR,
    OP_WRITE_CR,
    OP_READ_DR,
    OP_WRITE_DR,
    OP_IN,
    OP_OUT,
    OP_INS,
    OP_OUTS,
    OP_INT,       /* INT n */
    OP_MOV_STORE, /* mov reg or immediate to memory */
    OP_XCHG,
    OP_CMPXCHG,
    OP_AND,
    OP_OR,
    OP_BTR,
    OP_BTS,
    OP_BTC,
};

struct instruction {
    enum operation op;
    uint8_t length;  /* bytes */
    uint8_t size;    /* operand size in bytes */
    uint8_t reg;     /* the register operand; for CR and DR moves the general register */
    uint8_t control; /* the number of the control or debug register */
    bool has_immediate;
    uint64_t immediate; /* sign extended; port number, interrupt vector */
    bool port_in_dx;
    bool rep;
    bool rex;              /* changes which byte registers 4-7 are */
    bool segment_override; /* FS or GS: not supported for memory operands */
    /* Memory operand: base + index * scale + displacement; 16: none, 17: rip of the next. */
    uint8_t base, index, scale;
    int32_t displacement;
};

#define REG_NONE 16
#define REG_RIP  17

/* Decodes 64-bit code.  False if the instruction is none of those above, or not complete. */
bool must_check instruction_decode(const uint8_t *bytes, unsigned available,
                                   struct instruction *out);

#endif

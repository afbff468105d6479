/* Encodings: SDM volume 2, chapter 2 and appendix A. */
#include "guest-cpu/decode.h"

struct reader {
    const uint8_t *bytes;
    unsigned available, at;
    bool failed;
    /* prefixes */
    bool operand16, lock, rep;
    uint8_t rex;
};

static uint8_t next(struct reader *r)
{
    if (r->at >= r->available || r->at >= INSTRUCTION_MAX) {
        r->failed = true;
        return 0;
    }
    return r->bytes[r->at++];
}

static int64_t next_signed(struct reader *r, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)next(r) << (8 * i);
    return (int64_t)(v << (64 - 8 * bytes)) >> (64 - 8 * bytes);
}

/* Prefixes in any order, REX last; returns the first opcode byte. */
static uint8_t read_prefixes(struct reader *r, struct instruction *out)
{
    for (;;) {
        uint8_t b = next(r);

        switch (b) {
        case 0x66:
            r->operand16 = true;
            break;
        case 0xf0:
            r->lock = true;
            break;
        case 0xf2:
        case 0xf3:
            r->rep = true;
            break;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e: /* no effect on 64-bit code */
            break;
        case 0x64:
        case 0x65:
            out->segment_override = true;
            break;
        case 0x40 ... 0x4f:
            r->rex = b;
            return next(r);
        default:
            return b;
        }
        if (r->failed)
            return 0;
    }
}

static unsigned operand_size(const struct reader *r)
{
    return r->rex & 8 ? 8 : r->operand16 ? 2 : 4;
}

/* ModRM, SIB and displacement.  False for a register operand. */
static bool read_memory(struct reader *r, struct instruction *out, uint8_t modrm)
{
    unsigned mod = modrm >> 6, rm = modrm & 7;

    out->reg = (uint8_t)((modrm >> 3 & 7) | (r->rex & 4 ? 8 : 0));
    out->index = REG_NONE;
    if (mod == 3)
        return false;
    if (rm == 4) {
        uint8_t sib = next(r);
        unsigned index = (sib >> 3 & 7) | (r->rex & 2 ? 8 : 0);

        out->scale = sib >> 6;
        out->index = index == 4 ? REG_NONE : (uint8_t)index;
        out->base = (sib & 7) | (r->rex & 1 ? 8 : 0);
        if ((sib & 7) == 5 && mod == 0) {
            out->base = REG_NONE;
            mod = 2;
        }
    } else if (rm == 5 && mod == 0) {
        out->base = REG_RIP;
        mod = 2;
    } else {
        out->base = (uint8_t)(rm | (r->rex & 1 ? 8 : 0));
    }
    if (mod == 1)
        out->displacement = (int32_t)next_signed(r, 1);
    else if (mod == 2)
        out->displacement = (int32_t)next_signed(r, 4);
    return true;
}

static bool immediate(struct reader *r, struct instruction *out, unsigned bytes)
{
    out->immediate = (uint64_t)next_signed(r, bytes);
    out->has_immediate = true;
    return true;
}

/* Moves to and from control and debug registers always take registers. */
static bool decode_special_move(struct reader *r, struct instruction *out, enum operation op)
{
    uint8_t modrm = next(r);

    if (modrm >> 6 != 3)
        return false;
    out->op = op;
    out->control = (uint8_t)((modrm >> 3 & 7) | (r->rex & 4 ? 8 : 0));
    out->reg = (uint8_t)((modrm & 7) | (r->rex & 1 ? 8 : 0));
    return true;
}

/* 0F BA /4-7: bit operations with an immediate. */
static bool decode_bit_group(struct reader *r, struct instruction *out)
{
    static const enum operation ops[8] = { 0, 0, 0, 0, 0, OP_BTS, OP_BTR, OP_BTC };
    uint8_t modrm = next(r);

    out->op = ops[modrm >> 3 & 7];
    out->size = (uint8_t)operand_size(r);
    return out->op && read_memory(r, out, modrm) && immediate(r, out, 1);
}

static bool decode_memory_op(struct reader *r, struct instruction *out, enum operation op,
                             unsigned size)
{
    out->op = op;
    out->size = (uint8_t)size;
    return read_memory(r, out, next(r));
}

static bool decode_0f(struct reader *r, struct instruction *out)
{
    switch (next(r)) {
    case 0x01:
        out->op = OP_XSETBV;
        return next(r) == 0xd1;
    case 0x06:
        out->op = OP_CLTS;
        return true;
    case 0x09:
        out->op = OP_WBINVD;
        return true;
    case 0x20:
        return decode_special_move(r, out, OP_READ_CR);
    case 0x21:
        return decode_special_move(r, out, OP_READ_DR);
    case 0x22:
        return decode_special_move(r, out, OP_WRITE_CR);
    case 0x23:
        return decode_special_move(r, out, OP_WRITE_DR);
    case 0x30:
        out->op = OP_WRMSR;
        return true;
    case 0x32:
        out->op = OP_RDMSR;
        return true;
    case 0xa2:
        out->op = OP_CPUID;
        return true;
    case 0xb0:
        return decode_memory_op(r, out, OP_CMPXCHG, 1);
    case 0xb1:
        return decode_memory_op(r, out, OP_CMPXCHG, operand_size(r));
    case 0xb3:
        return decode_memory_op(r, out, OP_BTR, operand_size(r));
    case 0xab:
        return decode_memory_op(r, out, OP_BTS, operand_size(r));
    case 0xba:
        return decode_bit_group(r, out);
    default:
        return false;
    }
}

/* IN, OUT, INS, OUTS: the low bits of the opcode give size and direction. */
static bool decode_port(struct reader *r, struct instruction *out, uint8_t opcode)
{
    bool string = opcode < 0x70, write = opcode & 2;

    out->size = (uint8_t)(opcode & 1 ? (r->operand16 ? 2 : 4) : 1);
    out->op = string ? (write ? OP_OUTS : OP_INS) : (write ? OP_OUT : OP_IN);
    out->port_in_dx = string || (opcode & 8);
    if (!out->port_in_dx)
        out->immediate = next(r);
    out->rep = r->rep;
    return true;
}

/* 80, 81, 83: arithmetic groups with an immediate; AND and OR are wanted. */
static bool decode_group1(struct reader *r, struct instruction *out, uint8_t opcode)
{
    unsigned size = opcode == 0x80 ? 1 : operand_size(r), kind;
    uint8_t modrm = next(r);

    kind = modrm >> 3 & 7;
    if (kind != 1 && kind != 4)
        return false;
    out->op = kind == 1 ? OP_OR : OP_AND;
    out->size = (uint8_t)size;
    return read_memory(r, out, modrm) && immediate(r, out, opcode == 0x81 ? min(size, 4U) : 1);
}

static bool decode_mov_immediate(struct reader *r, struct instruction *out, unsigned size)
{
    uint8_t modrm = next(r);

    out->op = OP_MOV_STORE;
    out->size = (uint8_t)size;
    return !(modrm >> 3 & 7) && read_memory(r, out, modrm) && immediate(r, out, min(size, 4U));
}

static bool decode_opcode(struct reader *r, struct instruction *out, uint8_t opcode)
{
    switch (opcode) {
    case 0x0f:
        return decode_0f(r, out);
    case 0x08:
    case 0x20:
        return decode_memory_op(r, out, opcode == 8 ? OP_OR : OP_AND, 1);
    case 0x09:
    case 0x21:
        return decode_memory_op(r, out, opcode == 9 ? OP_OR : OP_AND, operand_size(r));
    case 0x80:
    case 0x81:
    case 0x83:
        return decode_group1(r, out, opcode);
    case 0x86:
        return decode_memory_op(r, out, OP_XCHG, 1);
    case 0x87:
        return decode_memory_op(r, out, OP_XCHG, operand_size(r));
    case 0x88:
        return decode_memory_op(r, out, OP_MOV_STORE, 1);
    case 0x89:
        return decode_memory_op(r, out, OP_MOV_STORE, operand_size(r));
    case 0xc6:
        return decode_mov_immediate(r, out, 1);
    case 0xc7:
        return decode_mov_immediate(r, out, operand_size(r));
    case 0xcd:
        out->op = OP_INT;
        out->immediate = next(r);
        return true;
    case 0x6c ... 0x6f:
    case 0xe4 ... 0xe7:
    case 0xec ... 0xef:
        return decode_port(r, out, opcode);
    case 0xf4:
        out->op = OP_HLT;
        return true;
    case 0xfa:
        out->op = OP_CLI;
        return true;
    case 0xfb:
        out->op = OP_STI;
        return true;
    default:
        return false;
    }
}

bool instruction_decode(const uint8_t *bytes, unsigned available, struct instruction *out)
{
    struct reader r = { .bytes = bytes, .available = available };
    uint8_t opcode;

    *out = (struct instruction){ .base = REG_NONE, .index = REG_NONE };
    opcode = read_prefixes(&r, out);
    if (r.failed || !decode_opcode(&r, out, opcode) || r.failed)
        return false;
    out->rex = r.rex;
    out->length = (uint8_t)r.at;
    return true;
}

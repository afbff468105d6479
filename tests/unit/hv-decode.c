/*
 * The instruction decoder: what it knows, decoded right; everything cut short refused; no byte
 * string makes it read beyond its input.
 *
 * Sources: hypervisor/guest-cpu/decode.c
 * Flags: -Ihypervisor -DHOST_TEST
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "guest-cpu/decode.h"

struct sample {
    const char *text;
    uint8_t bytes[16];
    uint8_t length;
    enum operation op;
    uint8_t size, reg, base, index, scale;
    int32_t displacement;
    bool has_immediate;
    uint64_t immediate;
};

static const struct sample samples[] = {
    { "mov %rsi,(%rdi)", { 0x48, 0x89, 0x37 }, 3, OP_MOV_STORE, 8, 6, 7, REG_NONE, 0, 0, false, 0 },
    { "mov %r9,8(%r10)",
      { 0x4d, 0x89, 0x4a, 8 },
      4,
      OP_MOV_STORE,
      8,
      9,
      10,
      REG_NONE,
      0,
      8,
      false,
      0 },
    { "movq $0,(%rbx)",
      { 0x48, 0xc7, 0x03, 0, 0, 0, 0 },
      7,
      OP_MOV_STORE,
      8,
      0,
      3,
      REG_NONE,
      0,
      0,
      true,
      0 },
    { "movq $-1,16(%rax,%rcx,8)",
      { 0x48, 0xc7, 0x44, 0xc8, 0x10, 0xff, 0xff, 0xff, 0xff },
      9,
      OP_MOV_STORE,
      8,
      0,
      0,
      1,
      3,
      16,
      true,
      UINT64_MAX },
    { "xchg %rax,(%rdi)", { 0x48, 0x87, 0x07 }, 3, OP_XCHG, 8, 0, 7, REG_NONE, 0, 0, false, 0 },
    { "lock andb $0xfd,(%rdi)",
      { 0xf0, 0x80, 0x27, 0xfd },
      4,
      OP_AND,
      1,
      4,
      7,
      REG_NONE,
      0,
      0,
      true,
      UINT64_MAX - 2 },
    { "ds andb $0xfd,(%rdi)",
      { 0x3e, 0x80, 0x27, 0xfd },
      4,
      OP_AND,
      1,
      4,
      7,
      REG_NONE,
      0,
      0,
      true,
      UINT64_MAX - 2 },
    { "lock btrq $5,(%rax)",
      { 0xf0, 0x48, 0x0f, 0xba, 0x30, 5 },
      6,
      OP_BTR,
      8,
      6,
      0,
      REG_NONE,
      0,
      0,
      true,
      5 },
    { "lock cmpxchg %rdx,(%rsi)",
      { 0xf0, 0x48, 0x0f, 0xb1, 0x16 },
      5,
      OP_CMPXCHG,
      8,
      2,
      6,
      REG_NONE,
      0,
      0,
      false,
      0 },
    { "mov %rax,0x10(%rip)",
      { 0x48, 0x89, 0x05, 0x10, 0, 0, 0 },
      7,
      OP_MOV_STORE,
      8,
      0,
      REG_RIP,
      REG_NONE,
      0,
      0x10,
      false,
      0 },
    { "mov %rax,(%rsp)",
      { 0x48, 0x89, 0x04, 0x24 },
      4,
      OP_MOV_STORE,
      8,
      0,
      4,
      REG_NONE,
      0,
      0,
      false,
      0 },
    { "mov %rax,0x1000(,%rbx,4)",
      { 0x48, 0x89, 0x04, 0x9d, 0, 0x10, 0, 0 },
      8,
      OP_MOV_STORE,
      8,
      0,
      REG_NONE,
      3,
      2,
      0x1000,
      false,
      0 },
    { "rdmsr", { 0x0f, 0x32 }, 2, OP_RDMSR, 0, 0, REG_NONE, REG_NONE, 0, 0, false, 0 },
    { "mov %cr4,%rax",
      { 0x0f, 0x20, 0xe0 },
      3,
      OP_READ_CR,
      0,
      0,
      REG_NONE,
      REG_NONE,
      0,
      0,
      false,
      0 },
    { "in (%dx),%al", { 0xec }, 1, OP_IN, 1, 0, REG_NONE, REG_NONE, 0, 0, false, 0 },
    { "out %eax,$0x80", { 0xe7, 0x80 }, 2, OP_OUT, 4, 0, REG_NONE, REG_NONE, 0, 0, false, 0x80 },
    { "rep insw", { 0xf3, 0x66, 0x6d }, 3, OP_INS, 2, 0, REG_NONE, REG_NONE, 0, 0, false, 0 },
    { "int $0x82", { 0xcd, 0x82 }, 2, OP_INT, 0, 0, REG_NONE, REG_NONE, 0, 0, false, 0x82 },
};

static void known_instructions(void **state)
{
    (void)state;
    for (unsigned n = 0; n < sizeof(samples) / sizeof(samples[0]); n++) {
        const struct sample *s = &samples[n];
        struct instruction i;

        if (!instruction_decode(s->bytes, s->length, &i))
            fail_msg("%s: not decoded", s->text);
        if (i.op != s->op || i.length != s->length || i.size != s->size || i.reg != s->reg ||
            i.base != s->base || i.index != s->index || i.scale != s->scale ||
            i.displacement != s->displacement || i.has_immediate != s->has_immediate ||
            i.immediate != s->immediate)
            fail_msg("%s: op %d length %d size %d reg %d base %d index %d scale %d disp %d imm %lx",
                     s->text, i.op, i.length, i.size, i.reg, i.base, i.index, i.scale,
                     i.displacement, i.immediate);
    }
}

static void cut_short(void **state)
{
    (void)state;
    for (unsigned n = 0; n < sizeof(samples) / sizeof(samples[0]); n++)
        for (unsigned length = 0; length < samples[n].length; length++) {
            /* exactly as long as said: the sanitizer sees a byte too far */
            uint8_t *bytes = malloc(length ? length : 1);
            struct instruction i;

            memcpy(bytes, samples[n].bytes, length);
            assert_false(instruction_decode(bytes, length, &i));
            free(bytes);
        }
}

static void any_bytes(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 300000; round++) {
        unsigned length = round % 16;
        uint8_t *bytes = malloc(length ? length : 1);
        struct instruction i;

        for (unsigned b = 0; b < length; b++) {
            seed = seed * 1664525 + 1013904223;
            bytes[b] = (uint8_t)(seed >> 24);
        }
        if (instruction_decode(bytes, length, &i))
            assert_in_range(i.length, 1, length);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(known_instructions),
                                        cmocka_unit_test(cut_short), cmocka_unit_test(any_bytes) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

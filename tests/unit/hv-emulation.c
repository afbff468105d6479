/*
 * Stores to page tables, finished for a guest: memory, registers and flags are as this processor
 * leaves them when it executes the same bytes.  And the instructions that are kept: none is taken
 * for another, and code that changes or ends is seen to.
 *
 * Sources: hypervisor/emulation/fetch.c hypervisor/emulation/operands.c
 * hypervisor/emulation/page-table-write.c hypervisor/guest-cpu/decode.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -mno-red-zone
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <sys/mman.h>
#include "domain/domain.h"
#include "domain/guest-memory.h"
#include "emulation/fetch.h"
#include "emulation/page-table-write.h"

struct cpu_features cpu_features;

static uint8_t *code; /* two pages, of which the guest has the second one or not */
static bool second_page;
static uint64_t table[4] __attribute__((aligned(4096)));
static int refusal; /* what an exchange answers */
static struct decoded kept[DECODED_KEPT];
static struct domain domain;
static struct vcpu vcpu = { .domain = &domain, .decoded = kept };

int guest_read(void *to, guest_handle_t from, size_t bytes)
{
    if (from + bytes > (uint64_t)code + (second_page ? 8192 : 4096))
        return -EFAULT;
    memcpy(to, (const void *)from, bytes);
    return 0;
}

static int begin(struct vcpu *v, uint64_t address, pte_t **slot)
{
    assert_ptr_equal(v, &vcpu);
    *slot = &table[(address - (uint64_t)table) / sizeof(*table)];
    return 0;
}

static int exchange(struct vcpu *v, pte_t *slot, pte_t expected, pte_t value)
{
    assert_ptr_equal(v, &vcpu);
    if (refusal)
        return refusal;
    assert_int_equal(*slot, expected);
    *slot = value;
    return 0;
}

static void end(struct vcpu *v)
{
    assert_ptr_equal(v, &vcpu);
}

static const struct paging_mode mode = { .store_begin = begin,
                                         .store_exchange = exchange,
                                         .store_end = end };

/* What an instruction takes and leaves: rdi points to the operand. */
struct outcome {
    uint64_t memory, rax, rsi, flags;
};

#define CF 0x001UL
#define PF 0x004UL
#define ZF 0x040UL
#define SF 0x080UL
#define OF 0x800UL

static struct outcome execute(uint64_t *operand, uint8_t offset, struct outcome in)
{
    struct outcome out = in;

    *operand = in.memory;
    __asm__ volatile("push %[in]\n\tpopf\n\tcall *%[code]\n\tpushf\n\tpop %[flags]"
                     : "+a"(out.rax), "+S"(out.rsi), [flags] "=&r"(out.flags)
                     : "D"((char *)operand + offset), [in] "r"(in.flags), [code] "r"(code)
                     : "memory", "cc");
    out.memory = *operand;
    return out;
}

static struct outcome emulate(uint64_t *operand, uint8_t offset, struct outcome in, unsigned length)
{
    uint64_t rdi = (uint64_t)operand + offset;
    struct cpu_regs regs = {
        .rip = (uint64_t)code, .rax = in.rax, .rsi = in.rsi, .rdi = rdi, .rflags = in.flags
    };

    *operand = in.memory;
    assert_true(page_table_write_emulate(&vcpu, &regs, rdi));
    assert_int_equal(regs.rip, (uint64_t)code + length);
    assert_int_equal(regs.rdi, rdi);
    return (struct outcome){ *operand, regs.rax, regs.rsi, regs.rflags };
}

static const struct form {
    const char *text;
    uint8_t bytes[9];
    uint8_t length, size;
    uint64_t flags; /* that it defines and the emulation promises */
} forms[] = {
    { "mov %rsi,(%rdi)", { 0x48, 0x89, 0x37 }, 3, 8, 0 },
    { "mov %esi,(%rdi)", { 0x89, 0x37 }, 2, 4, 0 },
    { "mov %si,(%rdi)", { 0x66, 0x89, 0x37 }, 3, 2, 0 },
    { "mov %sil,(%rdi)", { 0x40, 0x88, 0x37 }, 3, 1, 0 },
    { "mov %ah,(%rdi)", { 0x88, 0x27 }, 2, 1, 0 },
    { "movq $-2,(%rdi)", { 0x48, 0xc7, 0x07, 0xfe, 0xff, 0xff, 0xff }, 7, 8, 0 },
    { "movb $0x81,(%rdi)", { 0xc6, 0x07, 0x81 }, 3, 1, 0 },
    { "xchg %rsi,(%rdi)", { 0x48, 0x87, 0x37 }, 3, 8, 0 },
    { "xchg %esi,(%rdi)", { 0x87, 0x37 }, 2, 4, 0 },
    { "xchg %ah,(%rdi)", { 0x86, 0x27 }, 2, 1, 0 },
    { "lock andb $0xfd,(%rdi)", { 0xf0, 0x80, 0x27, 0xfd }, 4, 1, CF | PF | ZF | SF | OF },
    { "andq $-3,(%rdi)", { 0x48, 0x83, 0x27, 0xfd }, 4, 8, CF | PF | ZF | SF | OF },
    { "orw $0x180,(%rdi)", { 0x66, 0x81, 0x0f, 0x80, 0x01 }, 5, 2, CF | PF | ZF | SF | OF },
    { "and %rsi,(%rdi)", { 0x48, 0x21, 0x37 }, 3, 8, CF | PF | ZF | SF | OF },
    { "or %esi,(%rdi)", { 0x09, 0x37 }, 2, 4, CF | PF | ZF | SF | OF },
    { "lock btrq $5,(%rdi)", { 0xf0, 0x48, 0x0f, 0xba, 0x37, 5 }, 6, 8, CF | ZF },
    { "ds btsq $62,(%rdi)", { 0x3e, 0x48, 0x0f, 0xba, 0x2f, 62 }, 6, 8, CF | ZF },
    { "btcl $9,(%rdi)", { 0x0f, 0xba, 0x3f, 9 }, 4, 4, CF | ZF },
    { "lock cmpxchg %rsi,(%rdi)", { 0xf0, 0x48, 0x0f, 0xb1, 0x37 }, 5, 8, ZF },
    { "cmpxchg %esi,(%rdi)", { 0x0f, 0xb1, 0x37 }, 3, 4, ZF },
    { "cmpxchg %ah,(%rdi)", { 0x0f, 0xb0, 0x27 }, 3, 1, ZF },
};

static void place(const uint8_t *bytes, unsigned length)
{
    memset(code, 0xc3, 4096); /* ret */
    memcpy(code, bytes, length);
}

static uint64_t any(void)
{
    static uint64_t seed = 1;

    seed = seed * 6364136223846793005UL + 1442695040888963407UL;
    return seed >> 32 | seed << 32;
}

static void as_the_processor_does(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 200 * ARRAY_SIZE(forms); n++) {
        const struct form *f = &forms[n % ARRAY_SIZE(forms)];
        struct outcome in = { any(), any(), any(), 0x202 | (any() & (CF | PF | ZF | SF | OF)) };
        uint8_t offset = (uint8_t)(any() % (8 / f->size) * f->size);
        struct outcome real, ours;

        if (n & 64) /* so that compare-exchanges succeed, and there are bits that are clear */
            in.memory = in.rax = n & 128 ? in.rax : 0;
        place(f->bytes, f->length);
        real = execute(&table[1], offset, in);
        ours = emulate(&table[1], offset, in, f->length);
        if (ours.memory != real.memory || ours.rax != real.rax || ours.rsi != real.rsi ||
            ((ours.flags ^ real.flags) & f->flags))
            fail_msg("%s at %d of %lx, rax %lx, rsi %lx: %lx %lx %lx %lx, not %lx %lx %lx %lx",
                     f->text, offset, in.memory, in.rax, in.rsi, ours.memory, ours.rax, ours.rsi,
                     ours.flags, real.memory, real.rax, real.rsi, real.flags);
    }
}

static bool store_at(uint8_t *rip, uint64_t address, struct cpu_regs *regs)
{
    *regs = (struct cpu_regs){ .rip = (uint64_t)rip, .rsi = 0x67, .rdi = (uint64_t)table };
    return page_table_write_emulate(&vcpu, regs, address);
}

static void refused(void **state)
{
    static const uint8_t nop[] = { 0x90 }, mov[] = { 0x48, 0x89, 0x37 },
                         segment[] = { 0x65, 0x48, 0x89, 0x37 }, apart[] = { 0x48, 0x89, 0x77, 4 };
    struct cpu_regs regs;

    (void)state;
    table[0] = 1;
    place(nop, sizeof(nop));
    assert_false(store_at(code, (uint64_t)table, &regs));
    place(segment, sizeof(segment));
    assert_false(store_at(code, (uint64_t)table, &regs));
    place(apart, sizeof(apart)); /* half in one entry, half in the next */
    assert_false(store_at(code, (uint64_t)table + 4, &regs));
    place(mov, sizeof(mov));
    assert_false(store_at(code, (uint64_t)table + 8, &regs)); /* that is not where it stores */
    refusal = -EINVAL;
    assert_false(store_at(code, (uint64_t)table, &regs));
    refusal = -EAGAIN; /* once more, from the same place */
    assert_true(store_at(code, (uint64_t)table, &regs));
    assert_ptr_equal(regs.rip, code);
    refusal = 0;
    assert_int_equal(table[0], 1);
}

static bool is_same(const struct instruction *a, const struct instruction *b)
{
    return a->op == b->op && a->length == b->length && a->size == b->size && a->reg == b->reg &&
           a->has_immediate == b->has_immediate && a->immediate == b->immediate &&
           a->rex == b->rex && a->segment_override == b->segment_override && a->base == b->base &&
           a->index == b->index && a->scale == b->scale && a->displacement == b->displacement;
}

/* The guest changes its code between two stores, one byte at a time. */
static void changed_code(void **state)
{
    /* movq $0x0c0b0a09,0x08070605(%rdi): parts of it in either word */
    static const uint8_t mov[] = { 0x48, 0xc7, 0x87, 5, 6, 7, 8, 9, 10, 11, 12 };
    struct instruction fresh;

    (void)state;
    for (unsigned at = 0; at < INSTRUCTION_MAX; at++)
        for (unsigned value = 0; value < 256; value++) {
            const struct instruction *i;

            place(mov, sizeof(mov));
            assert_non_null(instruction_at(&vcpu, (uint64_t)code));
            code[at] = (uint8_t)value;
            i = instruction_at(&vcpu, (uint64_t)code);
            assert_int_equal(i != NULL, instruction_decode(code, INSTRUCTION_MAX, &fresh));
            assert_true(!i || is_same(i, &fresh));
        }
    memset(kept, 0, sizeof(kept)); /* zeroes are no instruction that would be known */
    memset(code, 0, 64);
    assert_null(instruction_at(&vcpu, (uint64_t)code));
}

/* Near a page's end, with and without a next page; what was kept of one does not stand for the
 * other. */
static void end_of_page(void **state)
{
    static const uint8_t mov[] = { 0x48, 0xc7, 0x07, 0, 0, 0, 0 };
    const struct instruction *i;

    (void)state;
    for (unsigned before = 1; before <= 20; before++)
        for (unsigned turn = 0; turn < 4; turn++) {
            uint8_t *at = code + 4096 - before;

            memset(code, 0, 8192);
            memcpy(at, mov, sizeof(mov));
            second_page = turn & 1;
            i = instruction_at(&vcpu, (uint64_t)at);
            assert_int_equal(i != NULL, second_page || before >= sizeof(mov));
            assert_true(!i || i->length == sizeof(mov));
        }
    second_page = true;
}

static int set_up(void **state)
{
    (void)state;
    domain.mode = &mode;
    second_page = true;
    code = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return code == MAP_FAILED;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(as_the_processor_does),
                                        cmocka_unit_test(refused), cmocka_unit_test(changed_code),
                                        cmocka_unit_test(end_of_page) };

    return cmocka_run_group_tests(tests, set_up, NULL);
}

/*
 * SMAP self-test.
 *
 * Guest kernels run in ring 3 and return to themselves with IRET.  That reads its frame with the
 * rights of the ring it runs in; QEMU's TCG (7.2) reads it with the hypervisor's, so that with SMAP
 * on every such IRET faults on the guest's own stack and no guest lives.  So one such IRET is done
 * at boot, on a page of its own in a root of its own; if it faults, SMAP is not used.
 */
#include "boot/smap-test.h"
#include "hypercall-abi/cpu.h"
#include "lib/bug.h"
#include "lib/log.h"
#include "lib/string.h"
#include "machine/cpu-features.h"
#include "machine/descriptor-tables.h"
#include "machine/registers.h"
#include "memory/frame-allocator.h"
#include "memory/hypervisor-mappings.h"

#define TEST_PAGE   0x400000UL /* any address of a guest's */
#define TEST_FLAGS  (PTE_P | PTE_RW | PTE_US)
#define ARRIVAL     16 /* in the page: where the IRET leads */
#define VECTORS     32
#define RFLAGS_NONE 2 /* AC clear above all */

struct iret_frame {
    uint64_t rip, cs, rflags, rsp, ss;
};

struct idt_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

extern bool smap_test_run(const struct iret_frame *enter, const struct idt_register *idtr,
                          uint16_t stack_segment);
extern const uint8_t smap_test_arrived[], smap_test_faulted[];

static uint64_t gates[VECTORS][2];

/* An interrupt gate, as in descriptor-tables.c; DPL 3, so that ring 3 may INT3. */
static void gate_set(unsigned vector, const uint8_t *handler)
{
    uint64_t at = (uint64_t)handler;

    gates[vector][0] =
        (at & 0xffff) | (uint64_t)HYPERVISOR_CS << 16 | 0xeeUL << 40 | (at >> 16 & 0xffff) << 48;
    gates[vector][1] = at >> 32;
}

static mfn_t take_frame(void)
{
    mfn_t m = frames_allocate(0, 0, false);

    if (mfn_is_none(m))
        panic("no memory for the test of SMAP");
    memset(frame_virt(m), 0, PAGE_SIZE);
    return m;
}

/* Ring 3's code, the frame it returns by, and the stack that frame lies on. */
static void page_fill(uint8_t *page)
{
    static const uint8_t iretq[] = { 0x48, 0xcf }, int3[] = { 0xcc };
    struct iret_frame frame = { .rip = TEST_PAGE + ARRIVAL,
                                .cs = FLAT_RING3_CS64,
                                .rflags = RFLAGS_NONE,
                                .rsp = TEST_PAGE + PAGE_SIZE,
                                .ss = FLAT_RING3_SS64 };

    memcpy(page, iretq, sizeof(iretq));
    memcpy(page + ARRIVAL, int3, sizeof(int3));
    memcpy(page + PAGE_SIZE - sizeof(frame), &frame, sizeof(frame));
}

static bool iret_arrives(void)
{
    struct iret_frame enter = { .rip = TEST_PAGE,
                                .cs = FLAT_RING3_CS64,
                                .rflags = RFLAGS_NONE,
                                .rsp = TEST_PAGE + PAGE_SIZE - sizeof(enter),
                                .ss = FLAT_RING3_SS64 };
    struct idt_register idtr = { sizeof(gates) - 1, (uint64_t)gates };
    mfn_t frames[5]; /* levels 4 to 1, the page */
    uint64_t before = cr3_read();
    bool arrives;

    for (unsigned i = 0; i < 5; i++)
        frames[i] = take_frame();
    root_table_fill(frame_virt(frames[0]));
    for (unsigned i = 0; i < 4; i++)
        ((pte_t *)frame_virt(frames[i]))[pt_index(TEST_PAGE, 4 - i)] =
            pte_make(frames[i + 1], TEST_FLAGS);
    page_fill(frame_virt(frames[4]));
    for (unsigned vector = 0; vector < VECTORS; vector++)
        gate_set(vector, vector == TRAP_BP ? smap_test_arrived : smap_test_faulted);
    cr3_write(frames[0].n << PAGE_SHIFT);
    arrives = smap_test_run(&enter, &idtr, HYPERVISOR_DS);
    cr3_write(before);
    for (unsigned i = 0; i < 5; i++)
        frames_free(frames[i], 0);
    return arrives;
}

static void smap_set(bool on)
{
    cpu_features.smap = on;
    cpu_control_init();
}

/* The verdict stands only if the same IRET arrives without SMAP: else it is the test that fails. */
void smap_test(void)
{
    if (!cpu_features.smap || iret_arrives())
        return;
    smap_set(false);
    if (iret_arrives()) {
        log_warning("SMAP: IRET in ring 3 faults on its own stack, as in QEMU's TCG: switched off");
        return;
    }
    smap_set(true);
    log_warning("SMAP: IRET in ring 3 faults without it too: the test tells nothing");
}

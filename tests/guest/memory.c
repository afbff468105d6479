/*
 * memory_op: how much a domain has and may have, giving frames back and getting new ones, and the
 * refusals: bad orders, foreign frames, wild pointers.  The reservation calls answer with the
 * number of extents done, so a refusal is a 0.
 */
#include "guest-test.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/memory.h"
#include "hypercall-abi/mmu.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"

static int64_t reservation(unsigned int op, uint64_t *extents, uint64_t n, uint32_t order,
                           domid_t domid)
{
    struct xen_memory_reservation r = { .extent_start = HYPERCALL_ARG(extents),
                                        .nr_extents = n,
                                        .extent_order = order,
                                        .domid = domid };

    return hypercall_memory_op(op, HYPERCALL_ARG(&r));
}

/* The machine-to-physical map has the frame's number; translated guests have no such map. */
static bool is_named(uint64_t frame, uint64_t pfn)
{
    return page_tables_translated() ? frame == pfn
                                    : ((const uint64_t *)MACH2PHYS_VIRT_START)[frame] == pfn;
}

static void give_back_and_get(void)
{
    void *page = frames_alloc(0);
    uint64_t mfn = frames_virt_to_mfn(page), pfn = (uint64_t)page >> PAGE_SHIFT, got;
    domid_t self = DOMID_SELF;
    int64_t before = hypercall_memory_op(XENMEM_current_reservation, HYPERCALL_ARG(&self));
    struct mmu_update update;

    check("decrease while mapped", reservation(XENMEM_decrease_reservation, &mfn, 1, 0, DOMID_SELF),
          1);
    check("unmap after", hypercall_update_va_mapping(HYPERCALL_ARG(page), 0, UVMF_INVLPG), 0);
    check("one less", hypercall_memory_op(XENMEM_current_reservation, HYPERCALL_ARG(&self)),
          before - 1);
    got = pfn;
    check("populate", reservation(XENMEM_populate_physmap, &got, 1, 0, DOMID_SELF), 1);
    check("as before", hypercall_memory_op(XENMEM_current_reservation, HYPERCALL_ARG(&self)),
          before);
    check_true("m2p names the pfn", is_named(got, pfn));
    check("map it",
          hypercall_update_va_mapping(HYPERCALL_ARG(page), got << 12 | PTE_KERNEL, UVMF_INVLPG), 0);
    update = (struct mmu_update){ .ptr = got << 12 | MMU_MACHPHYS_UPDATE, .val = pfn };
    check("m2p update", hypercall_mmu_update(HYPERCALL_ARG(&update), 1, 0, DOMID_SELF), 0);
    check_true("fresh memory is zero", *(volatile uint64_t *)page == 0);
    ((uint64_t *)start_info->mfn_list)[pfn] = got;
    frames_free(page, 0);
}

static int64_t reserved(void)
{
    domid_t self = DOMID_SELF;

    return hypercall_memory_op(XENMEM_current_reservation, HYPERCALL_ARG(&self));
}

/* Several extents of one call, of more than one frame each: all of them change hands. */
static void give_back_several(void)
{
    char *pages = frames_alloc(2);
    uint64_t pfn = (uint64_t)pages >> PAGE_SHIFT, mfns[4], extents[4];
    int64_t before = reserved(), wrong = 0;

    for (int i = 0; i < 4; i++) {
        mfns[i] = extents[i] = frames_virt_to_mfn(pages + i * PAGE_SIZE);
        hypercall_update_va_mapping(HYPERCALL_ARG(pages + i * PAGE_SIZE), 0, UVMF_INVLPG);
    }
    extents[3] = 1UL << 35; /* nobody's: the call ends before it */
    check("decrease by four", reservation(XENMEM_decrease_reservation, extents, 4, 0, DOMID_SELF),
          3);
    check("three less", reserved(), before - 3);
    check("decrease twice", reservation(XENMEM_decrease_reservation, mfns, 1, 0, DOMID_SELF), 0);
    check("the fourth", reservation(XENMEM_decrease_reservation, mfns + 3, 1, 0, DOMID_SELF), 1);
    extents[0] = extents[1] = 0;
    check_mode("increase by two pairs",
               reservation(XENMEM_increase_reservation, extents, 2, 1, DOMID_SELF), 2, 0);
    if (page_tables_translated()) { /* a frame needs a number there */
        extents[0] = pfn;
        extents[1] = pfn + 2;
        (void)reservation(XENMEM_populate_physmap, extents, 2, 1, DOMID_SELF);
    }
    check("as before", reserved(), before);
    check_true("frames of two extents", extents[0] != extents[1] && extents[0] && extents[1]);
    check("no more than that",
          reservation(XENMEM_increase_reservation, extents + 2, 1, 9, DOMID_SELF), 0);
    for (int i = 0; i < 4; i++) {
        uint64_t got = extents[i / 2] + (i & 1);
        struct mmu_update name = { got << 12 | MMU_MACHPHYS_UPDATE, pfn + i };

        wrong += hypercall_update_va_mapping(HYPERCALL_ARG(pages + i * PAGE_SIZE),
                                             got << 12 | PTE_KERNEL, UVMF_INVLPG) != 0;
        wrong += hypercall_mmu_update(HYPERCALL_ARG(&name), 1, 0, DOMID_SELF) != 0;
        wrong += *(volatile int64_t *)(pages + i * PAGE_SIZE) != 0;
        ((uint64_t *)start_info->mfn_list)[pfn + i] = got;
    }
    check("each is ours, and clear", wrong, 0);
    frames_free(pages, 2);
}

static struct xen_memory_exchange exchange_of(uint64_t *in, uint64_t *out)
{
    return (struct xen_memory_exchange){
        .in = { .extent_start = HYPERCALL_ARG(in), .nr_extents = 1, .domid = DOMID_SELF },
        .out = { .extent_start = HYPERCALL_ARG(out),
                 .nr_extents = 1,
                 .mem_flags = XENMEMF_address_bits(32),
                 .domid = DOMID_SELF },
    };
}

/* Four frames for four in a row; and one list with a frame that is not ours: nothing changes. */
static void exchange_several(void)
{
    char *pages = frames_alloc(2);
    uint64_t pfn = (uint64_t)pages >> PAGE_SHIFT, in[4], out = pfn;
    struct xen_memory_exchange op = exchange_of(in, &out);
    int64_t before = reserved(), wrong = 0;

    op.in.nr_extents = 4;
    op.out.extent_order = 2;
    for (int i = 0; i < 4; i++) {
        in[i] = frames_virt_to_mfn(pages + i * PAGE_SIZE);
        hypercall_update_va_mapping(HYPERCALL_ARG(pages + i * PAGE_SIZE), 0, UVMF_INVLPG);
    }
    in[2] = 0;
    check_true("exchange, one is nobody's",
               hypercall_memory_op(XENMEM_exchange, HYPERCALL_ARG(&op)) < 0);
    check("none exchanged", (int64_t)op.nr_exchanged, 0);
    check("as many as before", reserved(), before);
    for (int i = 0; i < 4; i++)
        wrong += hypercall_update_va_mapping(
                     HYPERCALL_ARG(pages + i * PAGE_SIZE),
                     frames_virt_to_machine(pages + i * PAGE_SIZE) | PTE_KERNEL, UVMF_INVLPG) != 0;
    check("all are still ours", wrong, 0);
    for (int i = 0; i < 4; i++)
        hypercall_update_va_mapping(HYPERCALL_ARG(pages + i * PAGE_SIZE), 0, UVMF_INVLPG);
    in[2] = frames_virt_to_mfn(pages + 2 * PAGE_SIZE);
    check("exchange four", hypercall_memory_op(XENMEM_exchange, HYPERCALL_ARG(&op)), 0);
    check("exchanged", (int64_t)op.nr_exchanged, 4);
    check("still as many", reserved(), before);
    check("in a row", (int64_t)out & 3, 0);
    for (int i = 0; i < 4; i++) {
        wrong += in[i] >= out && in[i] < out + 4;
        wrong += ((const uint64_t *)MACH2PHYS_VIRT_START)[out + i] != pfn + i;
        wrong += hypercall_update_va_mapping(HYPERCALL_ARG(pages + i * PAGE_SIZE),
                                             (out + i) << 12 | PTE_KERNEL, UVMF_INVLPG) != 0;
        wrong += *(volatile int64_t *)(pages + i * PAGE_SIZE) != 0;
        ((uint64_t *)start_info->mfn_list)[pfn + i] = out + i;
    }
    check("others, named, clear", wrong, 0);
    check("the old ones are gone", reservation(XENMEM_decrease_reservation, in, 1, 0, DOMID_SELF),
          0);
    frames_free(pages, 2);
}

/* A frame for another one below 4 GiB, as a driver's DMA buffer needs it. */
static void exchange(void)
{
    char *page = frames_alloc(0);
    uint64_t pfn = (uint64_t)page >> PAGE_SHIFT, in = frames_virt_to_mfn(page), out = pfn;
    struct xen_memory_exchange op = exchange_of(&in, &out);

    hypercall_update_va_mapping(HYPERCALL_ARG(page), 0, UVMF_INVLPG);
    op.nr_exchanged = 5;
    check("exchange, progress beyond the end",
          hypercall_memory_op(XENMEM_exchange, HYPERCALL_ARG(&op)), -XEN_EINVAL);
    op = exchange_of(&in, &out);
    op.out.nr_extents = 2;
    check("exchange one for two", hypercall_memory_op(XENMEM_exchange, HYPERCALL_ARG(&op)),
          -XEN_EINVAL);
    op = exchange_of(&in, &out);
    check("exchange", hypercall_memory_op(XENMEM_exchange, HYPERCALL_ARG(&op)), 0);
    check("exchanged", (int64_t)op.nr_exchanged, 1);
    check_true("below 4 GiB", out < 1u << 20);
    check_true("m2p of the new frame", ((const uint64_t *)MACH2PHYS_VIRT_START)[out] == pfn);
    check("map the new frame",
          hypercall_update_va_mapping(HYPERCALL_ARG(page), out << 12 | PTE_KERNEL, UVMF_INVLPG), 0);
    ((uint64_t *)start_info->mfn_list)[pfn] = out;
    check("it is clear", *(volatile int64_t *)page, 0);
    frames_free(page, 0);
}

void guest_test(void)
{
    static struct e820_entry map[64];
    struct xen_memory_map memory_map = { .nr_entries = 64, .buffer = HYPERCALL_ARG(map) };
    struct xen_machphys_mapping m2p = { 0 };
    domid_t self = DOMID_SELF, nobody = 4321;
    uint64_t extents[2] = { 0, ~0UL };

    check("current reservation",
          hypercall_memory_op(XENMEM_current_reservation, HYPERCALL_ARG(&self)),
          (int64_t)start_info->nr_pages);
    check_true("maximum reservation",
               hypercall_memory_op(XENMEM_maximum_reservation, HYPERCALL_ARG(&self)) >=
                   (int64_t)start_info->nr_pages);
    check_true("maximum RAM page", hypercall_memory_op(XENMEM_maximum_ram_page, 0) > 0);
    check("nobody's reservation",
          hypercall_memory_op(XENMEM_current_reservation, HYPERCALL_ARG(&nobody)), -XEN_ESRCH);
    check("machphys mapping", hypercall_memory_op(XENMEM_machphys_mapping, HYPERCALL_ARG(&m2p)), 0);
    check_true("m2p's place", m2p.v_start == MACH2PHYS_VIRT_START);
    check_true("m2p of our own frame", is_named(frames_pfn_to_mfn(300), 300));
    if (kernel_is_initial_domain())
        check("machine memory map",
              hypercall_memory_op(XENMEM_machine_memory_map, HYPERCALL_ARG(&memory_map)), 0);
    else
        check("machine memory map is not ours",
              hypercall_memory_op(XENMEM_machine_memory_map, HYPERCALL_ARG(&memory_map)),
              -XEN_EPERM);
    give_back_and_get();
    give_back_several();
    if (kernel_is_initial_domain()) {
        exchange();
        exchange_several();
    }
    check_mode("decrease frame 0",
               reservation(XENMEM_decrease_reservation, extents, 1, 0, DOMID_SELF), 0, 1);
    check("decrease wild frame",
          reservation(XENMEM_decrease_reservation, extents + 1, 1, 0, DOMID_SELF), 0);
    check("populate order 30", reservation(XENMEM_populate_physmap, extents, 1, 30, DOMID_SELF), 0);
    check("populate order 255", reservation(XENMEM_populate_physmap, extents, 1, 255, DOMID_SELF),
          0);
    check("increase beyond the limit",
          reservation(XENMEM_increase_reservation, extents, 1, 9, DOMID_SELF), 0);
    check("no extents", reservation(XENMEM_populate_physmap, extents, 0, 0, DOMID_SELF), 0);
    check("wild list",
          reservation(XENMEM_decrease_reservation, (uint64_t *)BAD_POINTER, 1, 0, DOMID_SELF), 0);
    check("wild argument", hypercall_memory_op(XENMEM_populate_physmap, BAD_POINTER), 0);
    check("unknown", hypercall_memory_op(60, 0), -XEN_ENOSYS);
}

/*
 * Page tables: mmu_update, update_va_mapping and mmuext_op in plain use, and each way to get a
 * writable view of a page table or somebody else's memory refused.
 */
#include "guest-test.h"
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/mmu.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"

#define NO_FRAME (1UL << 35)

static void *page, *other;
static uint64_t entry; /* machine address of page's L1 entry */
static uint64_t l4_mfn;

static int64_t update(uint64_t ptr, uint64_t val)
{
    struct mmu_update u = { .ptr = ptr, .val = val };

    return hypercall_mmu_update(HYPERCALL_ARG(&u), 1, 0, DOMID_SELF);
}

static int64_t extended(uint32_t cmd, uint64_t arg1, uint64_t arg2)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = arg1, .arg2.src_mfn = arg2 };

    return hypercall_mmuext_op(HYPERCALL_ARG(&op), 1, 0, DOMID_SELF);
}

static uint64_t machine(const void *va)
{
    return frames_virt_to_machine(va);
}

static void write_page(void)
{
    *(volatile char *)page = 1;
}

static void read_page(void)
{
    *(volatile char *)page;
}

static void plain_use(void)
{
    struct mmu_update two[2] = { { entry, machine(page) | PTE_KERNEL },
                                 { entry, machine(page) | PTE_KERNEL } };
    uint32_t done = 0;

    check("remap", update(entry, machine(other) | PTE_KERNEL), 0);
    check("flush page", extended(MMUEXT_INVLPG_LOCAL, HYPERCALL_ARG(page), 0), 0);
    *(volatile uint64_t *)other = 0x1234;
    check_true("both views", *(volatile uint64_t *)page == 0x1234);
    check("two updates",
          hypercall_mmu_update(HYPERCALL_ARG(two), 2, HYPERCALL_ARG(&done), DOMID_SELF), 0);
    check("both done", done, 2);
    check("flush all", extended(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
    check("preserve AD", update(entry | MMU_PT_UPDATE_PRESERVE_AD, machine(page) | PTE_KERNEL), 0);
    check("read-only",
          hypercall_update_va_mapping(HYPERCALL_ARG(page),
                                      machine(page) | (PTE_KERNEL & ~PTE_WRITE), UVMF_INVLPG),
          0);
    check("a write faults", trapped(write_page), 14);
    check("as a kernel's write", (int64_t)trapped_error_code() & 7, 3);
    check("unmapped", hypercall_update_va_mapping(HYPERCALL_ARG(page), 0, UVMF_INVLPG), 0);
    check("a read faults", trapped(read_page), 14);
    check("as not present", (int64_t)trapped_error_code() & 3, 0);
    check("flush flag all",
          hypercall_update_va_mapping(HYPERCALL_ARG(page), machine(page) | PTE_KERNEL,
                                      UVMF_TLB_FLUSH | UVMF_ALL),
          0);
}

static void refusals(void)
{
    uint64_t table = l4_mfn << 12;
    struct mmu_update u = { .ptr = entry, .val = machine(page) | PTE_KERNEL };
    uint32_t done = 7;

    check_mode("writable page table", update(entry, table | PTE_KERNEL), -XEN_EBUSY, 0);
    check("read-only page table", update(entry, table | (PTE_KERNEL & ~PTE_WRITE)), 0);
    check("back", update(entry, machine(page) | PTE_KERNEL), 0);
    check_mode("hypervisor's slot", update(table + 256 * 8, machine(page) | PTE_KERNEL),
               -XEN_EINVAL, 0);
    check_mode("bad mfn", update(entry, 0x000ffffffffff000UL | PTE_KERNEL), -XEN_EINVAL, 0);
    check("back again", update(entry, machine(page) | PTE_KERNEL), 0);
    check("a word of a plain page", update(machine(other), 1), 0);
    check("was written", *(volatile int64_t *)other, 1);
    check("no such frame", update(0x000ffffffffff000UL, 0), -XEN_EINVAL);
    check("unknown kind", update(entry | 3, machine(page) | PTE_KERNEL), 0);
    check("no such domain", hypercall_mmu_update(HYPERCALL_ARG(&u), 1, HYPERCALL_ARG(&done), 4321),
          -XEN_ESRCH);
    check("wild list", hypercall_mmu_update(BAD_POINTER, 1, 0, DOMID_SELF), -XEN_EFAULT);
    check("nothing to do", hypercall_mmu_update(HYPERCALL_ARG(&u), 0, 0, DOMID_SELF), 0);
    check("uvm non-canonical", hypercall_update_va_mapping(0x800000000000UL, 0, 0), -XEN_EINVAL);
    check("uvm hypervisor's address", hypercall_update_va_mapping(BAD_POINTER, 0, 0), -XEN_EINVAL);
}

/* The list's rest cannot be read: what comes before is done, and counted. */
static void a_list_that_ends(void)
{
    char *two = frames_alloc(1);
    uint64_t second = machine(two + 4096);
    struct mmu_update *u = (struct mmu_update *)(two + 4096) - 3;
    uint32_t done = 0;

    for (unsigned i = 0; i < 3; i++)
        u[i] = (struct mmu_update){ entry, machine(page) | PTE_KERNEL };
    check("unmap the rest", hypercall_update_va_mapping(HYPERCALL_ARG(two + 4096), 0, UVMF_INVLPG),
          0);
    check("a list that ends",
          hypercall_mmu_update(HYPERCALL_ARG(u), 20, HYPERCALL_ARG(&done), DOMID_SELF),
          -XEN_EFAULT);
    check("done before", done, 3);
    check("map it again",
          hypercall_update_va_mapping(HYPERCALL_ARG(two + 4096), second | PTE_KERNEL, UVMF_INVLPG),
          0);
    frames_free(two, 1);
}

static void pins(void)
{
    uint64_t *table = frames_alloc(0);
    uint64_t mfn = frames_virt_to_mfn(table);

    check_mode("pin while writable", extended(MMUEXT_PIN_L1_TABLE, mfn, 0), -XEN_EINVAL, 0);
    check("protect", page_tables_protect(table, false), 0);
    check("pin L1", extended(MMUEXT_PIN_L1_TABLE, mfn, 0), 0);
    check_mode("pin twice", extended(MMUEXT_PIN_L1_TABLE, mfn, 0), -XEN_EINVAL, 0);
    check_mode("pin as L2", extended(MMUEXT_PIN_L2_TABLE, mfn, 0), -XEN_EINVAL, 0);
    check("write entry", update((mfn << 12) + 8, machine(other) | PTE_KERNEL), 0);
    check("entry is there", (int64_t)(table[1] >> 12 & 0xffffffffff),
          (int64_t)frames_virt_to_mfn(other));
    check_mode("writable while pinned", page_tables_protect(table, true), -XEN_EBUSY, 0);
    check("unpin", extended(MMUEXT_UNPIN_TABLE, mfn, 0), 0);
    check_mode("unpin twice", extended(MMUEXT_UNPIN_TABLE, mfn, 0), -XEN_EINVAL, 0);
    check("writable again", page_tables_protect(table, true), 0);
    table[1] = 0;
    table[5] = l4_mfn << 12 | PTE_KERNEL;
    check("protect again", page_tables_protect(table, false), 0);
    check_mode("pin a table with a bad entry", extended(MMUEXT_PIN_L1_TABLE, mfn, 0), -XEN_EBUSY,
               0);
    check("unprotect", page_tables_protect(table, true), 0);
    table[5] = 0;
    frames_free(table, 0);
    check_mode("pin frame 0", extended(MMUEXT_PIN_L1_TABLE, 0, 0), -XEN_EINVAL, 0);
    check("pin wild frame", extended(MMUEXT_PIN_L4_TABLE, ~0UL >> 12, 0), -XEN_EINVAL);
}

static void others(void)
{
    /* Where the hypervisor translates any frame may be either, to the guest's own harm. */
    bool translated = page_tables_translated();
    uint64_t no_table = translated ? NO_FRAME : frames_virt_to_mfn(other);
    uint64_t no_page = translated ? NO_FRAME : l4_mfn;

    check("new base pointer, the same", extended(MMUEXT_NEW_BASEPTR, l4_mfn, 0), 0);
    check("base pointer to no table", extended(MMUEXT_NEW_BASEPTR, no_table, 0), -XEN_EINVAL);
    check("no user root", extended(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
    check("flush everywhere", extended(MMUEXT_TLB_FLUSH_ALL, 0, 0), 0);
    check("flush page everywhere", extended(MMUEXT_INVLPG_ALL, HYPERCALL_ARG(page), 0), 0);
    *(volatile uint64_t *)other = 77;
    check("copy page",
          extended(MMUEXT_COPY_PAGE, frames_virt_to_mfn(page), frames_virt_to_mfn(other)), 0);
    check("copied", *(volatile int64_t *)page, 77);
    check("clear page", extended(MMUEXT_CLEAR_PAGE, frames_virt_to_mfn(page), 0), 0);
    check("cleared", *(volatile int64_t *)page, 0);
    check("clear what is no page of ours", extended(MMUEXT_CLEAR_PAGE, no_page, 0), -XEN_EINVAL);
    check("empty LDT", extended(MMUEXT_SET_LDT, 0, 0), 0);
    check("unknown", extended(99, 0, 0), -XEN_ENOSYS);
}

void guest_test(void)
{
    page = frames_alloc(0);
    other = frames_alloc(0);
    entry = page_tables_entry_address(page);
    l4_mfn = frames_virt_to_mfn((void *)start_info->pt_base);
    plain_use();
    refusals();
    a_list_that_ends();
    pins();
    others();
}

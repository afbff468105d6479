/*
 * Building a guest.  See build.h.
 */
#include "vmctl/builder/build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall-abi/cpu.h"
#include "hypercall-abi/grants.h"
#include "hypercall-abi/shared-info.h"
#include "hypercall-abi/start-info.h"
#include "vmctl/builder/memory.h"
#include "vmctl/builder/page-tables.h"
#include "vmctl/hypervisor.h"
#include "vmctl/platform/platform.h"

#define PAGE 4096ULL

static int build_error(struct guest_build *build, int error, const char *step)
{
    return failure_set(build->failure, error, "%s: %s: %s (see vmctl dmesg)", build->name, step,
                       failure_reason(error));
}

/* The least MiB that do: with the memory grow the tables and lists in it. */
static uint64_t memory_wanted(struct guest_build *build, uint64_t pages)
{
    struct guest_layout layout;
    uint64_t mib;

    do {
        mib = (pages + 255) / 256;
    } while (guest_layout_plan(&layout, &build->kernel->elf, build->ramdisk_size, mib * 256,
                               &pages) == -ENOSPC);
    return mib;
}

static int plan_layout(struct guest_build *build)
{
    uint64_t wanted, pages = build->memory_kib / 4;
    int error =
        guest_layout_plan(&build->layout, &build->kernel->elf, build->ramdisk_size, pages, &wanted);

    if (error == -ERANGE)
        return failure_set(build->failure, -EINVAL,
                           "%s: kernel: it does not fit where its notes want it in a guest's "
                           "address space (use another kernel)",
                           build->name);
    if (error)
        return failure_set(build->failure, error,
                           "%s: kernel and ramdisk do not fit into %llu MiB (give it memory = %llu "
                           "or more)",
                           build->name, (unsigned long long)build->memory_kib >> 10,
                           (unsigned long long)memory_wanted(build, wanted));
    build->layout.translated = build->translated;
    return 0;
}

static int load_kernel(struct guest_build *build)
{
    const struct kernel_elf *elf = &build->kernel->elf;
    int error = 0;

    for (size_t i = 0; i < elf->segment_count && !error; i++) {
        const struct elf_segment *segment = &elf->segments[i];
        size_t offset = (size_t)(segment->physical - elf->paddr_offset);

        error = guest_memory_write(build, 0, offset, build->kernel->data + segment->offset,
                                   (size_t)segment->file_size);
        if (!error)
            error = guest_memory_zero(build, 0, offset + (size_t)segment->file_size,
                                      (size_t)(segment->memory_size - segment->file_size));
    }
    return error;
}

static int load_ramdisk(struct guest_build *build)
{
    return guest_memory_write(build, build->layout.ramdisk_pfn, 0, build->ramdisk,
                              build->ramdisk_size);
}

static int write_page_tables(struct guest_build *build)
{
    const struct guest_layout *layout = &build->layout;
    uint64_t kernel_count = table_plan_count(&layout->kernel_tables);
    uint64_t p2m_count = layout->p2m_separate ? table_plan_count(&layout->p2m_tables) : 0;
    page_table *tables = calloc(1 + kernel_count + p2m_count, sizeof(page_table));

    if (!tables)
        return -ENOMEM;
    int error = page_tables_fill(layout, build->p2m, tables, tables + 1, tables + 1 + kernel_count);

    if (error)
        error = build_error(build, error, "its address space cannot be laid out");
    if (!error)
        error = guest_memory_write(build, layout->root_pfn, 0, tables,
                                   (1 + kernel_count) * sizeof(page_table));
    if (!error && p2m_count)
        error = guest_memory_write(build, layout->p2m_tables.first_pfn, 0,
                                   tables + 1 + kernel_count, p2m_count * sizeof(page_table));
    free(tables);
    return error;
}

static int write_p2m(struct guest_build *build)
{
    const struct guest_layout *layout = &build->layout;
    size_t size = (size_t)layout->pages * sizeof(uint64_t);
    int error = guest_memory_write(build, layout->p2m_pfn, 0, build->p2m, size);
    size_t rest = (size_t)(layout->p2m_pages * PAGE) - size;

    return error ? error : guest_memory_zero(build, layout->p2m_pfn, size, rest);
}

static void fill_start_info(const struct guest_build *build, uint64_t shared_info_mfn,
                            struct start_info *info)
{
    const struct guest_layout *layout = &build->layout;

    snprintf(info->magic, sizeof(info->magic), "xen-3.0-x86_64");
    info->nr_pages = layout->pages;
    info->shared_info = shared_info_mfn * PAGE;
    info->store_mfn = build->p2m[layout->store_pfn];
    info->store_evtchn = build->store_port;
    info->console.domU.mfn = build->p2m[layout->console_pfn];
    info->console.domU.evtchn = build->console_port;
    info->pt_base = guest_layout_virt(layout, layout->root_pfn);
    info->nr_pt_frames = 1 + table_plan_count(&layout->kernel_tables);
    info->mfn_list = layout->p2m_virt;
    if (layout->translated) {
        /* No list is kept; this still says how far memory is mapped. */
        info->first_p2m_pfn =
            (layout->kernel_tables.virt_end - layout->kernel_tables.virt_start) / PAGE;
    } else if (layout->p2m_separate) {
        info->first_p2m_pfn = layout->p2m_pfn;
        info->nr_p2m_frames = layout->p2m_pages + table_plan_count(&layout->p2m_tables);
    }
    if (build->ramdisk_size) {
        info->mod_len = build->ramdisk_size;
        info->mod_start = layout->ramdisk_mapped ? guest_layout_virt(layout, layout->ramdisk_pfn)
                                                 : layout->ramdisk_pfn;
        info->flags |= layout->ramdisk_mapped ? 0 : SIF_MOD_START_PFN;
    }
    snprintf((char *)info->cmd_line, sizeof(info->cmd_line), "%s", build->command_line);
}

static int write_start_info(struct guest_build *build, uint64_t shared_info_mfn)
{
    const struct guest_layout *layout = &build->layout;
    struct start_info *info = calloc(1, PAGE);

    if (!info)
        return -ENOMEM;
    fill_start_info(build, shared_info_mfn, info);
    int error = guest_memory_write(build, layout->start_info_pfn, 0, info, PAGE);

    free(info);
    if (!error)
        error = guest_memory_zero(build, layout->store_pfn, 0, 2 * PAGE); /* and the console */
    if (!error)
        error = guest_memory_zero(build, layout->stack_pfn, 0, PAGE);
    build->store_mfn = build->p2m[layout->store_pfn];
    build->console_mfn = build->p2m[layout->console_pfn];
    return error;
}

static int fill_hypercall_page(struct guest_build *build)
{
    const struct kernel_elf *elf = &build->kernel->elf;

    if (!elf->has_hypercall_page)
        return 0;
    uint64_t pfn = (elf->hypercall_page - elf->virt_base) / PAGE;
    int error = domain_fill_hypercall_page(build->domid, build->p2m[pfn]);

    return error ? build_error(build, error, "no hypercall page") : 0;
}

/* Every vCPU starts with its events masked. */
static int write_shared_info(struct guest_build *build, uint64_t mfn)
{
    struct shared_info *shared;
    int error = platform_foreign_map(build->domid, &mfn, 1, (void **)&shared);

    if (error)
        return build_error(build, error, "its shared info page cannot be mapped");
    memset(shared, 0, PAGE);
    for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        shared->vcpu_info[i].evtchn_upcall_mask = 1;
    platform_foreign_unmap(shared, 1);
    return 0;
}

/* Lets dom0 map the two rings by the grants reserved for them. */
static int write_grants(struct guest_build *build)
{
    struct grant_entry_v1 *table;
    uint64_t mfn;
    int error = domain_grant_frame(build->domid, &mfn);

    if (!error)
        error = platform_foreign_map(build->domid, &mfn, 1, (void **)&table);
    if (error)
        return build_error(build, error, "its grant table cannot be reached");
    table[GNTTAB_RESERVED_CONSOLE] =
        (struct grant_entry_v1){ GTF_permit_access, 0, (uint32_t)build->console_mfn };
    table[GNTTAB_RESERVED_XENSTORE] =
        (struct grant_entry_v1){ GTF_permit_access, 0, (uint32_t)build->store_mfn };
    platform_foreign_unmap(table, 1);
    return 0;
}

static int start_vcpu(struct guest_build *build)
{
    const struct guest_layout *layout = &build->layout;
    struct vcpu_guest_context *context = calloc(1, sizeof(*context));

    if (!context)
        return -ENOMEM;
    context->flags = VGCF_in_kernel | VGCF_online;
    context->user_regs.rip = build->kernel->elf.entry;
    context->user_regs.rsp = guest_layout_virt(layout, layout->stack_pfn + 1);
    context->user_regs.rsi = guest_layout_virt(layout, layout->start_info_pfn);
    context->user_regs.rflags = 1 << 9;
    context->user_regs.cs = FLAT_KERNEL_CS;
    context->user_regs.ss = FLAT_KERNEL_SS;
    context->kernel_ss = FLAT_KERNEL_SS;
    context->kernel_sp = context->user_regs.rsp;
    context->ctrlreg[3] = build->p2m[layout->root_pfn] * PAGE;
    int error = domain_set_vcpu_context(build->domid, 0, context);

    free(context);
    return error ? build_error(build, error, "its first vCPU cannot be set up") : 0;
}

/* All that follows once there is memory. */
static int build_steps(struct guest_build *build)
{
    struct xen_domctl_getdomaininfo info;
    int error = load_kernel(build);

    if (!error)
        error = load_ramdisk(build);
    if (!error)
        error = write_page_tables(build);
    if (!error)
        error = write_p2m(build);
    if (!error && domain_info(build->domid, &info))
        error = build_error(build, -ESRCH, "it vanished while being built");
    if (!error)
        error = write_start_info(build, info.shared_info_frame);
    if (!error)
        error = fill_hypercall_page(build);
    if (!error)
        error = write_shared_info(build, info.shared_info_frame);
    if (!error)
        error = write_grants(build);
    if (!error && (error = domain_pin_root(build->domid, build->p2m[build->layout.root_pfn])))
        error = build_error(build, error, "the hypervisor refuses its page tables");
    return error ? error : start_vcpu(build);
}

int guest_build(struct guest_build *build)
{
    int error = plan_layout(build);

    if (error)
        return error;
    build->p2m = malloc((size_t)build->layout.pages * sizeof(uint64_t));
    if (!build->p2m)
        return -ENOMEM;
    error = guest_memory_populate(build);
    if (!error)
        error = build_steps(build);
    free(build->p2m);
    build->p2m = NULL;
    return error;
}

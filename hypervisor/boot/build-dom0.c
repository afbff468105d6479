/*
 * The start of day of a PV kernel (Xen's public start-info documentation), from virt_base up:
 *
 *     kernel image | ramdisk | pfn-to-mfn list | start_info | page tables | stack | slack
 *
 * Each part begins on a page; what a note moves elsewhere is left out: with INIT_P2M the list is
 * mapped at the address the note gives, with MOD_START_PFN the ramdisk is not mapped at all.
 * pfns count up with addresses; the ramdisk's own frames, where GRUB put them, become the
 * domain's, without a copy.
 */
#include "boot/build-dom0.h"
#include "boot/boot-info.h"
#include "boot/command-line.h"
#include "boot/early-memory.h"
#include "boot/elf.h"
#include "events/port.h"
#include "guest-paging/paging.h"
#include "hypercall-abi/start-info.h"
#include "hypercalls/page.h"
#include "lib/bug.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lifecycle/create.h"
#include "memory/frame-allocator.h"
#include "memory/heap.h"
#include "memory/machine-to-physical.h"

#define DEFAULT_DOM0_BYTES (256UL << 20)
#define REGION_SLACK       (512UL << 10)
#define REGION_ALIGN       (4UL << 20)
#define STACK_PAGES        1

struct builder {
    struct domain *d;
    struct kernel_image image;
    uint64_t initrd_start, initrd_bytes; /* physical */
    uint64_t pages;                      /* of the domain */
    uint64_t *p2m;                       /* pages entries; becomes the guest's list */
    uint64_t p2m_pages;
    /* virtual layout */
    uint64_t base, initrd, list, start_info, tables, stack, end;
    uint64_t table_pages;
    /* pfns outside the region: the unmapped ramdisk, the list with its own tables */
    uint64_t initrd_pfn, list_pfn, list_pfn_end;
    uint64_t next_table_pfn, table_limit_pfn;
    uint64_t root; /* pfn */
};

static uint64_t pages_of(uint64_t bytes)
{
    return round_up(bytes, PAGE_SIZE) >> PAGE_SHIFT;
}

static void *pfn_virt(const struct builder *b, uint64_t pfn)
{
    BUG_ON(pfn >= b->pages);
    return frame_virt(mfn(b->p2m[pfn]));
}

/* Tables needed to map [start, end) below one root: L3s, L2s and L1s. */
static uint64_t tables_for(uint64_t start, uint64_t end)
{
    uint64_t n = 0;

    for (unsigned level = 1; level <= 3; level++) {
        unsigned shift = PAGE_SHIFT + 9 * level;

        n += ((end - 1) >> shift) - (start >> shift) + 1;
    }
    return n;
}

static void lay_out(struct builder *b)
{
    const struct kernel_image *k = &b->image;
    uint64_t at = round_up(k->end, PAGE_SIZE), previous = 0;

    b->base = k->virt_base;
    b->p2m_pages = pages_of(b->pages * sizeof(uint64_t));
    b->initrd = at;
    if (!k->initrd_unmapped)
        at += pages_of(b->initrd_bytes) << PAGE_SHIFT;
    b->list = at;
    if (!k->has_init_p2m)
        at += b->p2m_pages << PAGE_SHIFT;
    b->start_info = at;
    b->tables = at + PAGE_SIZE;
    /* The tables map themselves: count until the count holds. */
    for (b->table_pages = 4; b->table_pages != previous;) {
        previous = b->table_pages;
        b->stack = b->tables + (previous << PAGE_SHIFT);
        b->end = round_up(b->stack + (STACK_PAGES << PAGE_SHIFT) + REGION_SLACK, REGION_ALIGN);
        b->table_pages = 1 + tables_for(b->base, b->end);
    }
    at = (b->end - b->base) >> PAGE_SHIFT;
    b->initrd_pfn = k->initrd_unmapped ? at : (b->initrd - b->base) >> PAGE_SHIFT;
    at += k->initrd_unmapped ? pages_of(b->initrd_bytes) : 0;
    b->list_pfn = b->list_pfn_end = at;
    if (k->has_init_p2m)
        b->list_pfn_end +=
            b->p2m_pages + tables_for(k->init_p2m, k->init_p2m + (b->p2m_pages << PAGE_SHIFT));
    if (b->list_pfn_end > b->pages)
        boot_refuse("dom0_mem is too small: the kernel and its ramdisk need %lu MiB",
                    b->list_pfn_end >> 8);
}

/* A frame that lies where GRUB put the ramdisk becomes the domain's. */
static void adopt(struct builder *b, uint64_t pfn, uint64_t frame)
{
    struct frame *f = frame_of(mfn(frame));
    struct frame_owner *o = &b->d->frames;

    f->owner = o->index;
    f->next = o->first;
    f->prev = FRAME_LINK_NONE;
    if (f->next != FRAME_LINK_NONE)
        frame_table[f->next].prev = (frame_link_t)frame;
    o->first = (frame_link_t)frame;
    o->count++;
    f->use = USE_ALLOCATED | 1;
    b->p2m[pfn] = frame;
}

/* Frames for the pfns from..to, in blocks as large as there are. */
static void allocate_range(struct builder *b, uint64_t from, uint64_t to)
{
    unsigned order = 10;
    mfn_t m;

    while (from < to) {
        if ((1UL << order) > to - from || frame_owner_allocate(&b->d->frames, order, 0, &m)) {
            if (!order)
                boot_refuse(
                    "not enough memory for dom0_mem=%luM (give it less, or the machine more)",
                    b->pages >> 8);
            order--;
            continue;
        }
        for (uint64_t i = 0; i < 1UL << order; i++)
            b->p2m[from++] = m.n + i;
    }
}

static void allocate(struct builder *b)
{
    uint64_t initrd_pages = pages_of(b->initrd_bytes);

    b->p2m = heap_allocate(b->pages * sizeof(uint64_t));
    if (!b->p2m)
        panic("no memory for the control domain's page list");
    b->d->frames.limit = b->pages;
    for (uint64_t i = 0; i < initrd_pages; i++)
        adopt(b, b->initrd_pfn + i, (b->initrd_start >> PAGE_SHIFT) + i);
    allocate_range(b, 0, b->initrd_pfn);
    allocate_range(b, b->initrd_pfn + initrd_pages, b->pages);
    for (uint64_t pfn = 0; pfn < b->pages; pfn++)
        machine_to_physical_set(mfn(b->p2m[pfn]), pfn);
}

/* The L1 entry for an address, building tables from the pfns set aside for them. */
static pte_t *entry_for(struct builder *b, uint64_t virt)
{
    pte_t *table = pfn_virt(b, b->root);

    for (unsigned level = 4; level > 1; level--) {
        pte_t *e = &table[pt_index(virt, level)];

        if (!(*e & PTE_P)) {
            BUG_ON(b->next_table_pfn == b->table_limit_pfn);
            memset(pfn_virt(b, b->next_table_pfn), 0, PAGE_SIZE);
            *e = pte_make(mfn(b->p2m[b->next_table_pfn++]), PTE_P | PTE_RW | PTE_US | PTE_A);
        }
        table = frame_virt(pte_mfn(*e));
    }
    return &table[pt_index(virt, 1)];
}

static void map_region(struct builder *b)
{
    uint64_t first_table = (b->tables - b->base) >> PAGE_SHIFT;

    b->root = b->next_table_pfn = first_table;
    b->table_limit_pfn = first_table + b->table_pages;
    memset(pfn_virt(b, b->next_table_pfn++), 0, PAGE_SIZE);
    for (uint64_t virt = b->base; virt < b->end; virt += PAGE_SIZE) {
        uint64_t pfn = (virt - b->base) >> PAGE_SHIFT;
        bool table = pfn >= first_table && pfn < b->table_limit_pfn;

        *entry_for(b, virt) =
            pte_make(mfn(b->p2m[pfn]), PTE_P | PTE_US | PTE_A | (table ? 0 : PTE_RW | PTE_D));
    }
}

static void map_list(struct builder *b)
{
    uint64_t virt = b->image.init_p2m;

    if (!b->image.has_init_p2m)
        return;
    b->next_table_pfn = b->list_pfn + b->p2m_pages;
    b->table_limit_pfn = b->list_pfn_end;
    for (uint64_t i = 0; i < b->p2m_pages; i++)
        *entry_for(b, virt + i * PAGE_SIZE) =
            pte_make(mfn(b->p2m[b->list_pfn + i]), PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D);
}

/* Copies to a virtual address of the region. */
static void copy_in(void *context, uint64_t virt, const uint8_t *data, uint64_t bytes)
{
    struct builder *b = context;

    while (bytes) {
        uint64_t offset = virt & (PAGE_SIZE - 1), n = min(bytes, PAGE_SIZE - offset);

        memcpy((char *)pfn_virt(b, (virt - b->base) >> PAGE_SHIFT) + offset, data, n);
        virt += n;
        data += n;
        bytes -= n;
    }
}

static void fill_list(struct builder *b)
{
    uint64_t pfn = b->image.has_init_p2m ? b->list_pfn : (b->list - b->base) >> PAGE_SHIFT;

    for (uint64_t i = 0; i < b->pages; i += PAGE_SIZE / 8)
        memcpy(pfn_virt(b, pfn + i / (PAGE_SIZE / 8)), &b->p2m[i],
               min(PAGE_SIZE / 8, b->pages - i) * 8);
}

static void fill_start_info(struct builder *b, const char *command_line)
{
    struct start_info *s = pfn_virt(b, (b->start_info - b->base) >> PAGE_SHIFT);
    struct dom0_vga_console_info *vga = (struct dom0_vga_console_info *)(s + 1);

    memset(s, 0, PAGE_SIZE);
    string_copy(s->magic, "xen-3.0-x86_64", sizeof(s->magic));
    s->nr_pages = b->pages;
    s->shared_info = b->d->mode->shared_gfn(b->d, virt_mfn(b->d->shared_info), 0) << PAGE_SHIFT;
    s->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
    s->pt_base = b->tables;
    s->nr_pt_frames = b->table_pages;
    s->mfn_list = b->image.has_init_p2m ? b->image.init_p2m : b->list;
    if (b->initrd_bytes) {
        s->mod_start = b->image.initrd_unmapped ? b->initrd_pfn : b->initrd;
        s->mod_len = b->initrd_bytes;
        if (b->image.initrd_unmapped)
            s->flags |= SIF_MOD_START_PFN;
    }
    if (b->image.has_init_p2m) {
        s->first_p2m_pfn = b->list_pfn;
        s->nr_p2m_frames = b->list_pfn_end - b->list_pfn;
    }
    if (boot_info.screen == SCREEN_TEXT) {
        s->console.dom0.info_off = sizeof(*s);
        s->console.dom0.info_size = sizeof(*vga);
        vga->video_type = XEN_VGATYPE_TEXT_MODE_3;
        vga->u.text_mode_3.font_height = 16;
        vga->u.text_mode_3.rows = 25;
        vga->u.text_mode_3.columns = 80;
    }
    string_copy((char *)s->cmd_line, command_line, sizeof(s->cmd_line));
}

static void fill_hypercall_page(struct builder *b)
{
    uint64_t at = b->image.hypercall_page;

    if (!b->image.has_hypercall_page)
        return;
    if (at < b->base || at >= b->end || (at & (PAGE_SIZE - 1)))
        boot_refuse("the control domain's kernel asks for a hypercall page outside itself");
    hypercall_page_fill(pfn_virt(b, (at - b->base) >> PAGE_SHIFT));
}

static void start_vcpu(struct builder *b)
{
    struct vcpu_guest_context *c = heap_allocate(sizeof(*c));
    int r;

    BUG_ON(!c);
    c->flags = VGCF_in_kernel;
    c->user_regs.rip = b->image.entry;
    c->user_regs.rsp = b->stack + (STACK_PAGES << PAGE_SHIFT);
    c->user_regs.rsi = b->start_info;
    c->user_regs.cs = FLAT_KERNEL_CS;
    c->user_regs.ss = FLAT_KERNEL_SS;
    c->kernel_ss = FLAT_KERNEL_SS;
    c->kernel_sp = c->user_regs.rsp;
    c->ctrlreg[3] = b->p2m[b->root] << PAGE_SHIFT;
    while ((r = vcpu_initialise(b->d->vcpus[0], c)) == -ERESTART)
        this_cpu()->deferred = 0; /* nothing runs yet that could be waiting */
    if (!r)
        while ((r = b->d->mode->pin(b->d, b->p2m[b->root], 4)) == -ERESTART)
            this_cpu()->deferred = 0;
    if (r)
        panic("the control domain's page tables are refused (%d): a bug in the builder", r);
    heap_free(c, sizeof(*c));
}

static struct domain *create(void)
{
    struct xen_domctl_createdomain config = {
        .max_vcpus = min(options.dom0_max_vcpus ? options.dom0_max_vcpus : cpu_count,
                         (unsigned)MAX_VCPUS_PER_DOMAIN),
        .max_evtchn_port = UINT32_MAX,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
    };
    struct domain *d;

    if (domain_create(0, &config, true, &d))
        panic("the control domain cannot be created");
    control_domain = d;
    return d;
}

struct domain *dom0_build(void)
{
    static struct builder b;
    const struct boot_module *kernel = &boot_info.module[0], *initrd = &boot_info.module[1];

    if (!boot_info.modules)
        boot_refuse(
            "no control domain: name its kernel in a `module2` line of GRUB's configuration");
    b.d = create();
    kernel_image_parse(frame_virt(mfn(0)) + kernel->start, kernel->end - kernel->start, &b.image);
    if (boot_info.modules > 1) {
        b.initrd_start = initrd->start;
        b.initrd_bytes = initrd->end - initrd->start;
    }
    b.pages = pages_of(options.dom0_bytes ? options.dom0_bytes : DEFAULT_DOM0_BYTES);
    if (!options.dom0_bytes)
        b.pages += pages_of(b.initrd_bytes);
    lay_out(&b);
    allocate(&b);
    map_region(&b);
    map_list(&b);
    kernel_image_load(&b.image, copy_in, &b);
    fill_list(&b);
    fill_start_info(&b, kernel->command_line);
    fill_hypercall_page(&b);
    start_vcpu(&b);
    heap_free(b.p2m, b.pages * sizeof(uint64_t));
    early_memory_release(kernel->start, kernel->end);
    log_info("control domain: %lu MiB, %u vCPUs, entry %lx", b.pages >> 8, b.d->max_vcpus,
             b.image.entry);
    return b.d;
}

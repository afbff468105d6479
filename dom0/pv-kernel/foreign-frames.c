/*
 * Foreign frames and device memory: pages of others in the mapping area.
 */
#include "pv-kernel/foreign-frames.h"
#include "pv-kernel/frames.h"
#include "pv-kernel/page-tables.h"
#include "pv-kernel/print.h"
#include "hypercall-abi/errno.h"

/* Clears what is mapped of the n pages and gives their addresses back; not those of pages that stay
 * mapped, where somebody else's memory would be taken for the next user's. */
static void unmap(void *va, size_t mapped, size_t n)
{
    int error = mapped ? page_tables_unmap(va, mapped) : 0;

    if (error)
        kprintf("dom0: %zu pages at %p cannot be unmapped (error %d): not used again\n", n, va,
                -error);
    else
        mapping_area_release(va, n);
}

static int map(domid_t domid, const uint64_t *mfns, size_t n, uint64_t flags, void **va)
{
    void *at = mapping_area_reserve(n);
    size_t done;
    int error;

    if (!at)
        return -XEN_ENOMEM;
    error = page_tables_map(at, mfns, n, flags, domid, &done);
    if (error) {
        unmap(at, done, n);
        return error;
    }
    *va = at;
    return 0;
}

int foreign_frames_map(domid_t domid, const uint64_t *gfns, size_t n, bool writable, void **va)
{
    uint64_t flags = PTE_KERNEL | PTE_NX;

    return map(domid, gfns, n, writable ? flags : flags & ~PTE_WRITE, va);
}

void foreign_frames_unmap(void *va, size_t n)
{
    unmap(va, n, n);
}

static size_t pages_spanned(uint64_t start, size_t bytes)
{
    return ((start & (PAGE_SIZE - 1)) + bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

int device_memory_map(uint64_t machine, size_t bytes, void **va)
{
    size_t n = pages_spanned(machine, bytes);
    char *at = mapping_area_reserve(n);

    if (!at)
        return -XEN_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        uint64_t mfn = (machine >> PAGE_SHIFT) + i;
        size_t done;
        int error = page_tables_map(at + (i << PAGE_SHIFT), &mfn, 1,
                                    PTE_KERNEL | PTE_NX | PTE_PWT | PTE_PCD, DOMID_IO, &done);

        if (error) {
            unmap(at, i, n);
            return error;
        }
    }
    *va = at + (machine & (PAGE_SIZE - 1));
    return 0;
}

void device_memory_unmap(void *va, size_t bytes)
{
    size_t n = pages_spanned((uint64_t)va, bytes);

    unmap((void *)((uint64_t)va & PAGE_MASK), n, n);
}

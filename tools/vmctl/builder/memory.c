/*
 * A guest's memory while it is built.  See memory.h.
 *
 * Frames come in 2 MiB extents where there are such, then singly; they are written through
 * foreign mappings of up to WINDOW pages, since mapping costs a hypercall each time.
 */
#include "vmctl/builder/memory.h"

#include <errno.h>
#include <string.h>

#include "vmctl/builder/build.h"
#include "vmctl/hypervisor.h"
#include "vmctl/platform/platform.h"

#define PAGE         4096u
#define WINDOW       256u
#define BATCH        256u
#define PAGES_A_CALL 512u /* of large extents, which the hypervisor clears */
#define LARGE_ORDER  9u

/* As many extents of an order as can be had from pfn on; *pfn moves. */
static int populate_order(struct guest_build *build, uint64_t *pfn, unsigned int order)
{
    uint64_t frames[BATCH], extent = 1ULL << order;

    while (*pfn + extent <= build->layout.pages) {
        size_t count = (build->layout.pages - *pfn) >> order, done;
        size_t most = order ? PAGES_A_CALL >> order : BATCH;

        count = count < most ? count : most;
        for (size_t i = 0; i < count; i++)
            frames[i] = *pfn + i * extent;
        int error = domain_populate(build->domid, frames, count, order, &done);

        if (error)
            return error;
        for (size_t i = 0; i < done; i++)
            for (uint64_t j = 0; j < extent; j++)
                build->p2m[*pfn + i * extent + j] = frames[i] + j;
        *pfn += done * extent;
        platform_yield();
        if (done < count)
            return -ENOMEM;
    }
    return 0;
}

int guest_memory_populate(struct guest_build *build)
{
    uint64_t pfn = 0;

    /* A failure here is no more than "no more large extents". */
    populate_order(build, &pfn, LARGE_ORDER);
    int error = populate_order(build, &pfn, 0);

    if (error)
        return failure_set(
            build->failure, -ENOMEM,
            "%s: not enough free memory: %llu MiB wanted, %llu MiB got (lower memory "
            "or end another guest)",
            build->name, (unsigned long long)build->memory_kib >> 10, (unsigned long long)pfn >> 8);
    return 0;
}

/* Calls copy for each mapped window over [pfn + offset, + size). */
static int for_each_window(struct guest_build *build, uint64_t pfn, size_t offset, const void *data,
                           size_t size)
{
    const uint8_t *from = data;

    pfn += offset / PAGE;
    offset %= PAGE;
    while (size) {
        size_t pages = (offset + size + PAGE - 1) / PAGE;
        void *window;

        pages = pages < WINDOW ? pages : WINDOW;
        size_t bytes = pages * PAGE - offset;

        bytes = bytes < size ? bytes : size;
        int error = platform_foreign_map(build->domid, build->p2m + pfn, pages, &window);

        if (error)
            return failure_set(build->failure, error,
                               "%s: its memory cannot be mapped: %s "
                               "(does dom0 have enough memory itself?)",
                               build->name, failure_reason(error));
        if (from)
            memcpy((uint8_t *)window + offset, from, bytes);
        else
            memset((uint8_t *)window + offset, 0, bytes);
        platform_foreign_unmap(window, pages);
        platform_yield(); /* guests' disks and consoles are served by the tasks beside this one */
        from = from ? from + bytes : NULL;
        size -= bytes;
        pfn += pages;
        offset = 0;
    }
    return 0;
}

int guest_memory_write(struct guest_build *build, uint64_t pfn, size_t offset, const void *data,
                       size_t size)
{
    return for_each_window(build, pfn, offset, data, size);
}

int guest_memory_zero(struct guest_build *build, uint64_t pfn, size_t offset, size_t size)
{
    return for_each_window(build, pfn, offset, NULL, size);
}

/*
 * Stub n: push rcx, r11 (SYSCALL loses them); eax = n; syscall; pop; ret.  HYPERVISOR_iret takes
 * its frame from the stack, and so begins by putting rax there and never returns.
 */
#include "hypercalls/page.h"
#include "domain/guest-frames.h"
#include "hypercalls/handlers.h"
#include "lib/errno.h"
#include "lib/string.h"

#define STUB_BYTES 32

void hypercall_page_fill(uint8_t *page)
{
    static const uint8_t call[] = { 0x51, 0x41, 0x53, 0xb8, 0,    0,    0,
                                    0,    0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };
    static const uint8_t iret[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, NR_iret, 0, 0, 0, 0x0f, 0x05 };

    memset(page, 0xcc, PAGE_SIZE); /* int3 */
    for (unsigned n = 0; n < PAGE_SIZE / STUB_BYTES; n++) {
        uint8_t *stub = page + n * STUB_BYTES;

        memcpy(stub, call, sizeof(call));
        stub[4] = (uint8_t)n;
    }
    memcpy(page + NR_iret * STUB_BYTES, iret, sizeof(iret));
}

int hypercall_page_write(struct domain *d, uint64_t gfn)
{
    mfn_t m;

    if (guest_frame_get_writable(d, gfn, &m))
        return -EINVAL;
    hypercall_page_fill(frame_virt(m));
    guest_frame_put_written(d, m);
    return 0;
}

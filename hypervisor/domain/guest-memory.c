/* Checked copies.  Stores honour read-only pages: the hypervisor runs with CR0.WP set, so it can
 * no more write a guest's page table this way than the guest itself. */
#include "domain/guest-memory.h"
#include "lib/errno.h"
#include "lib/string.h"

/* 0, or not if an access faulted. */
static inline uint64_t copy_faulting(void *to, const void *from, size_t bytes)
{
    uint64_t failed = 0, words = bytes / 8;

    __asm__ volatile("1: rep movsq\n"
                     "mov %4, %%rcx\n"
                     "2: rep movsb\n"
                     "3:\n"
                     ".pushsection .text.fixup, \"ax\"\n"
                     "4: inc %0\n"
                     "jmp 3b\n"
                     ".popsection\n" EXCEPTION_FIXUP("1b", "4b") EXCEPTION_FIXUP("2b", "4b")
                     : "+r"(failed), "+D"(to), "+S"(from), "+c"(words)
                     : "r"(bytes % 8)
                     : "memory");
    return failed;
}

int guest_read(void *to, guest_handle_t from, size_t bytes)
{
    uint64_t failed;

    if (unlikely(!guest_range_ok(from, bytes)))
        return -EFAULT;
    user_access_begin();
    failed = copy_faulting(to, (const void *)from, bytes);
    user_access_end();
    return unlikely(failed) ? -EFAULT : 0;
}

int guest_write(guest_handle_t to, const void *from, size_t bytes)
{
    uint64_t failed;

    if (unlikely(!guest_range_ok(to, bytes)))
        return -EFAULT;
    user_access_begin();
    failed = copy_faulting((void *)to, from, bytes);
    user_access_end();
    return unlikely(failed) ? -EFAULT : 0;
}

int guest_clear(guest_handle_t to, size_t bytes)
{
    static const uint8_t zeroes[256];
    int r = 0;

    while (bytes && !r) {
        size_t n = min(bytes, sizeof(zeroes));

        r = guest_write(to, zeroes, n);
        to += n;
        bytes -= n;
    }
    return r;
}

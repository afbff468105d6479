/*
 * dom0's stack and a neighbour who sends it a hundred thousand times what comes to mind: the
 * fuzzer's steps (tests/fuzz/lwip.c), drawn by lot, always the same.
 *
 * Sources: tests/fuzz/lwip.c dom0/network/host-port.c dom0/network/host-gather.c
 *
 * Stack: yes
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CASES       100000
#define CASE_BYTES  160
#define CASE_STREAM 20251122u

static void nothing_breaks_the_stack(void **state)
{
    uint64_t lot = CASE_STREAM;
    uint8_t data[CASE_BYTES];

    (void)state;
    for (int i = 0; i < CASES; i++) {
        for (unsigned int at = 0; at < sizeof(data); at++) {
            lot = lot * 6364136223846793005ULL + 1442695040888963407ULL;
            data[at] = (uint8_t)(lot >> 56);
        }
        LLVMFuzzerTestOneInput(data, sizeof(data));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_breaks_the_stack) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

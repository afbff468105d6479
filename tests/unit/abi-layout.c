/*
 * Every structure of the guest ABI has the size and the field offsets of Xen 4.17's own headers.
 *
 * Sources: hypercall-abi/layout-checks.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "hypercall-abi/layout-checks.h"

static void layouts_agree(void **state)
{
    unsigned differences = 0;

    (void)state;
    assert_int_equal(layout_of_ours_count, layout_of_xen_count);
    for (unsigned i = 0; i < layout_of_ours_count; i++) {
        const struct layout *o = &layout_of_ours[i], *x = &layout_of_xen[i];

        assert_string_equal(o->name, x->name);
        if (o->size == x->size && o->offset == x->offset)
            continue;
        print_error("%s: size %zu at %zu, Xen has %zu at %zu\n", o->name, o->size, o->offset,
                    x->size, x->offset);
        differences++;
    }
    assert_int_equal(differences, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(layouts_agree) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

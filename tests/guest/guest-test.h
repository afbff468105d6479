/*
 * The frame of the test guests: small PV kernels on pv-kernel, each about one part of the ABI.
 *
 * A guest prints one line per check, "ok NAME" or "FAIL NAME: got G, want W", and "value NAME V"
 * for a fact; test_guest.py runs it on our hypervisor and on Xen 4.17 and compares the lines.
 * What is wanted is what Xen answers, unless docs/differences-from-xen.md says otherwise.
 */
#ifndef TESTS_GUEST_GUEST_TEST_H
#define TESTS_GUEST_GUEST_TEST_H

#include "hypercall-abi/errno.h"
#include "hypercall-abi/guest-stubs.h"
#include "pv-kernel/kernel.h"
#include "pv-kernel/print.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The guest's cases. */
void guest_test(void);

void check(const char *name, int64_t got, int64_t want);
/* One whose answer differs for a guest whose frames the hypervisor translates. */
void check_mode(const char *name, int64_t got, int64_t want, int64_t want_translated);
void check_true(const char *name, bool good);
/* A fact that must be the same on both hypervisors. */
void value(const char *name, int64_t v);
/* An address that no guest may hand to a hypercall: the hypervisor's own. */
#define BAD_POINTER 0xffff830000000000UL
/* One that is merely not mapped. */
#define UNMAPPED_POINTER 0x700000000000UL

/* Runs fn and tells the vector of the exception it caused, or -1; then goes on after fn. */
int trapped(void (*fn)(void));
/* The error code of that exception. */
uint64_t trapped_error_code(void);

#endif

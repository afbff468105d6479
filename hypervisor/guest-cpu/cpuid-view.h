/* CPUID as guests see it. */
#ifndef GUEST_CPU_CPUID_VIEW_H
#define GUEST_CPU_CPUID_VIEW_H

#include "domain/domain.h"
#include "machine/registers.h"

struct cpuid_leaf cpuid_view(const struct domain *d, uint32_t leaf, uint32_t subleaf);

#endif

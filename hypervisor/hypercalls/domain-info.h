/* The record of a domain that domctl and sysctl report. */
#ifndef HYPERCALLS_DOMAIN_INFO_H
#define HYPERCALLS_DOMAIN_INFO_H

#include "domain/domain.h"
#include "hypercall-abi/domctl.h"

void domain_info_fill(struct domain *d, struct xen_domctl_getdomaininfo *info);

#endif

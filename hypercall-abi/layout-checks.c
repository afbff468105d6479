/*
 * The layouts of our headers against those of Debian's libxen-dev, an independent source.  This
 * file is compiled twice into one program: once with our headers, once with Xen's
 * (-DXEN_HEADERS), each making a table of the same sizes and offsets; tests/unit/abi-layout.c
 * compares them.  (Both sets of headers name the structures alike, so no unit can include both.)
 */
#include "hypercall-abi/layout-checks.h"

#ifdef XEN_HEADERS
#include <stdint.h>
#define __XEN_TOOLS__ 1
#include <xen/xen.h>
#include <xen/callback.h>
#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/io/blkif.h>
#include <xen/io/netif.h>
#include <xen/io/console.h>
#include <xen/io/xs_wire.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#define TABLE layout_of_xen
#define COUNT layout_of_xen_count
#else
#include "hypercall-abi/cpu.h"
#include "hypercall-abi/events.h"
#include "hypercall-abi/grants.h"
#include "hypercall-abi/memory.h"
#include "hypercall-abi/mmu.h"
#include "hypercall-abi/physdev.h"
#include "hypercall-abi/platform.h"
#include "hypercall-abi/rings/block.h"
#include "hypercall-abi/rings/console.h"
#include "hypercall-abi/rings/net.h"
#include "hypercall-abi/rings/xenstore.h"
#include "hypercall-abi/sched.h"
#include "hypercall-abi/shared-info.h"
#include "hypercall-abi/start-info.h"
#include "hypercall-abi/sysctl.h"
#include "hypercall-abi/version.h"
#define TABLE layout_of_ours
#define COUNT layout_of_ours_count
#endif

#define STRUCTURE(name) { #name, sizeof(struct name), 0 },
#define FIELD(name, field) \
    { #name "." #field, sizeof(((struct name *)0)->field), offsetof(struct name, field) },

const struct layout TABLE[] = {
#include "hypercall-abi/layout.def"
};
const unsigned COUNT = sizeof(TABLE) / sizeof(TABLE[0]);

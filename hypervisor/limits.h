/* Every compile-time bound of the hypervisor, in one place. */
#ifndef LIMITS_H
#define LIMITS_H

#define MAX_CPUS             256
#define MAX_DOMAINS          1024 /* owners of frames, the hypervisor and DOMID_IO included */
#define MAX_VCPUS_PER_DOMAIN 128  /* those beyond XEN_LEGACY_MAX_VCPUS register their vcpu_info */
#define VCPU_WORDS           (MAX_VCPUS_PER_DOMAIN / 64) /* of a set of them */
#define MAX_WATCHDOGS        2                           /* of a domain */
#define MAX_DEVICE_PAGES     256                         /* of MSI-X tables */
#define MAX_PORTS            4096 /* 2-level event channels; FIFO has EVTCHN_FIFO_NR_CHANNELS */
#define MAX_IRQS             256  /* lines and messages of real devices */
#define MAX_IOAPICS          64
#define MAX_IOMMUS           128
#define MAX_E820             1024
#define MAX_MODULES          8
#define MAX_COMMAND_LINE     1024

#define CPU_AREA_SHIFT 16 /* a CPU's stack, descriptor tables and entry stub */
#define CPU_AREA_BYTES (1UL << CPU_AREA_SHIFT)
#define STACK_BYTES    32768UL
#define LOG_RING_BYTES 65536
/* What the screen shows and what went by on it: at 256 columns, 384 lines and 128 rows. */
#define SCREEN_TEXT_BYTES 131072

#define DEFAULT_GRANT_FRAMES    64 /* frames a domain's grant table may grow to */
#define DEFAULT_MAPTRACK_FRAMES 1024
#define INITIAL_GRANT_FRAMES    4

#define SCHEDULER_SLICE_NS       (5 * 1000 * 1000UL)
#define SCHEDULER_UNDISTURBED_NS (1000 * 1000UL)
#define SCHEDULER_WAKE_BONUS_NS  (1 * 1000 * 1000UL)

/* What one flush of other domains' TLBs costs the domain that causes it, and how much of that it
 * may save up. */
#define DISTURBANCE_NS       (1000 * 1000UL)
#define DISTURBANCE_SAVED_NS (8 * DISTURBANCE_NS)

#define ANSWER_EVERY 64 /* frames or entries let go between two looks for what other CPUs ask */

#define LOG_GUEST_BURST 20 /* guest-triggered log lines a second and domain */

#endif

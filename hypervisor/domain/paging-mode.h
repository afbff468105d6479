/*
 * How a domain's page tables are kept: one table of functions per mode, chosen when the domain is
 * created (lifecycle/parts.c).  No other code asks which mode a domain is in.
 *
 *   direct   guest-paging/: the processor walks the guest's own tables of machine frames
 *   shadow   shadow-paging/: the processor walks the hypervisor's tables; the guest's name guest
 *            frames
 *
 * A guest frame (gfn) is what this domain's hypercalls and tables call a frame: in direct mode the
 * machine frame itself.  Functions that return -ERESTART were interrupted with nothing lost: call
 * again with the same arguments.  None wants a lock held unless it says so.
 */
#ifndef DOMAIN_PAGING_MODE_H
#define DOMAIN_PAGING_MODE_H

#include "domain/dirty-log.h"
#include "hypercall-abi/types.h"
#include "lib/types.h"
#include "machine/cpu-set.h"
#include "memory/page-table-entry.h"

struct domain;
struct vcpu;
struct tally;
struct mmu_update;

/* Whose a page fault is. */
enum fault_answer {
    FAULT_OF_GUEST, /* its tables say so: let it know */
    FAULT_RESOLVED, /* run the instruction again */
    FAULT_OF_STORE, /* a store to one of its tables: finish it (emulation/page-table-write.c) */
};

/* What a flush of TLBs covers. */
enum flush_extent { FLUSH_PAGE, FLUSH_ALL };

struct paging_mode {
    const char *name;
    uint32_t features; /* bits of XENVER_get_features that differ between modes */

    /* The domain's life.  finish: completes what was interrupted; close: from here on nothing is
     * pinned, loaded or changed, whoever asks.  drop_roots: of a vCPU that will not run again.
     * release: lets a frame of a dying domain go that frame_owner_first gave. */
    int must_check (*create)(struct domain *d);
    int must_check (*finish)(struct domain *d);
    void (*close)(struct domain *d);
    int must_check (*drop_roots)(struct vcpu *v);
    int must_check (*release)(struct domain *d, mfn_t m);
    void (*destroy)(struct domain *d);
    /* Adds what tables, pins, roots and maps account for, and checks them; finish came before and
     * nobody changes anything meanwhile. */
    void (*tally)(struct domain *d, struct tally *t);

    /* The frame a guest frame stands for, with a use reference.  -EINVAL: none of the domain's. */
    int must_check (*frame_get)(struct domain *d, uint64_t gfn, mfn_t *m);
    /* Somebody else is going to write a frame of the domain's, or has written it, other than
     * through its kernel's tables, and holds a TYPE_WRITABLE count of it. */
    void (*written_by_others)(struct domain *d, mfn_t m);
    /* The guest frame of one of the domain's frames that has been placed. */
    uint64_t (*gfn_of)(mfn_t m);
    /* The guest frame that its kernel's tables map at an address.  -EINVAL: none. */
    int must_check (*frame_at)(struct vcpu *v, uint64_t address, uint64_t *gfn);
    /* The guest frame by which the domain knows a frame that the hypervisor shares with it: number
     * `index` of those, 0 being shared_info, then the grant table's. */
    uint64_t (*shared_gfn)(struct domain *d, mfn_t m, unsigned index);
    /* A fresh frame gets its guest frame number (M2P_INVALID: the guest named none); one of the
     * domain's is taken from it.  -EINVAL: no such number; the frame is then still the caller's to
     * release. */
    int must_check (*place)(struct domain *d, mfn_t m, uint64_t gfn);
    int must_check (*remove)(struct domain *d, uint64_t gfn);
    /* Before a removal, for it to be short: nothing refers to the frame any more.  -EINVAL: there
     * is none. */
    int must_check (*leave)(struct domain *d, uint64_t gfn);

    /* Updates of entries at guest frame addresses, mmu_update's list, until one fails or it is
     * time for other work; *done counts.  frames_of: whose frames entries may name. */
    int must_check (*update)(struct domain *d, struct domain *frames_of, const struct mmu_update *u,
                             unsigned n, unsigned *done);
    /* The L1 entry for an address under the kernel's root. */
    int must_check (*update_va)(struct vcpu *v, struct domain *frames_of, uint64_t address,
                                pte_t value);
    int must_check (*pin)(struct domain *d, uint64_t gfn, unsigned level);
    int must_check (*unpin)(struct domain *d, uint64_t gfn);
    /* The end of an operation: what it let go is ready for other uses when the guest goes on. */
    int must_check (*settle)(struct domain *d);

    /* Roots of a vCPU; the running one's is loaded at once.  User root 0: none. */
    int must_check (*set_kernel_root)(struct vcpu *v, uint64_t gfn);
    int must_check (*set_user_root)(struct vcpu *v, uint64_t gfn);
    /* Their guest frames, as getvcpucontext and CR3 show them; 0: none. */
    uint64_t (*root_gfn)(const struct vcpu *v, bool user);
    /* The guest wants no stale translation of its tables on these CPUs when it goes on; NULL: on
     * this one. */
    void (*flush)(struct vcpu *v, const struct cpu_set *cpus, enum flush_extent extent,
                  uint64_t address);

    /* Its part of the log of frames that may have been written (domain/dirty-log.h), by the numbers
     * its kernel has for them.  start: from here on every write is marked before the next `take`
     * that follows it; -ENOMEM, -ERESTART.  stop: no more.  step: some of a phase, from *next on
     * (0 at first); true: that was all.  take: the marks of n frames from `first` on, as bits, and
     * how many; with `clean` they are off. */
    int must_check (*log_start)(struct domain *d);
    int must_check (*log_stop)(struct domain *d);
    bool (*log_step)(struct domain *d, enum log_phase phase, uint64_t *next);
    unsigned (*log_take)(struct domain *d, uint64_t first, unsigned n, uint8_t *bits, bool clean);

    /* Grants mapped into the domain: where frames have no numbers of the guest's own, an L1 entry
     * by guest frame address (contains_pte) or by virtual address; else a guest frame by its
     * address.  `value` names a machine frame of frames_of; the entry holds its own
     * references.  unmap: -ENOENT if it is not this frame that is mapped there, or not with this
     * permission (PTE_RW). */
    int must_check (*map_granted)(struct vcpu *v, struct domain *frames_of, uint64_t address,
                                  bool contains_pte, pte_t value);
    int must_check (*unmap_granted)(struct vcpu *v, uint64_t address, bool contains_pte,
                                    pte_t expected);
    /* The same, and what its kernel's tables map at `from` is there from then on, and no more at
     * `from`. */
    int must_check (*replace_granted)(struct vcpu *v, uint64_t address, uint64_t from,
                                      pte_t expected);
    /* What a domain is told to be the bus address of a frame that it maps at an address of its own
     * (0: nowhere), for a device of its own or not.  -ENOSPC: it has no devices. */
    int must_check (*bus_address)(mfn_t m, uint64_t address, bool for_device, uint64_t *bus);

    /* A frame for the processor's descriptor tables, every descriptor of it checked; what
     * descriptor_put takes back, and the guest frame it was got for.  update: one descriptor at a
     * guest frame address. */
    int must_check (*descriptor_get)(struct domain *d, uint64_t gfn, mfn_t *m);
    void (*descriptor_put)(struct domain *d, mfn_t m);
    uint64_t (*descriptor_gfn)(struct domain *d, mfn_t m);
    int must_check (*descriptor_update)(struct domain *d, uint64_t address, uint64_t descriptor);

    /* A page fault at an address of the guest's, of its own or of the hypervisor on its behalf
     * (then as its kernel's).  FAULT_OF_GUEST: *error_code is what the guest is told, by its own
     * tables. */
    enum fault_answer (*fault)(struct vcpu *v, uint64_t address, uint32_t *error_code);
    /* FAULT_OF_STORE: the entry there; -EINVAL: it is none (any more).  Between a begin that went
     * well and the end, `exchange` replaces an entry if it is `expected`.  -EAGAIN: it is not;
     * -EINVAL: may not be. */
    int must_check (*store_begin)(struct vcpu *v, uint64_t address, pte_t **slot);
    int must_check (*store_exchange)(struct vcpu *v, pte_t *slot, pte_t expected, pte_t value);
    void (*store_end)(struct vcpu *v);
    /* The instruction was none that can be finished.  True: it may do it itself now. */
    bool (*store_refused)(struct vcpu *v, uint64_t address);
};

#endif

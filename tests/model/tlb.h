/* The TLB of a model's CPU: it forgets only when it is flushed. */
#ifndef MODEL_TLB_H
#define MODEL_TLB_H

#include "model/model.h"

#define TLB_ENTRIES 24

enum { TLB_NONE, TLB_WRITE, TLB_TABLE };

/* A frame the CPU may write, or one it takes for a table of that level. */
struct tlb_entry {
    uint8_t kind, level;
    mfn_t frame;
};

struct tlb {
    struct tlb_entry entry[TLB_ENTRIES];
    unsigned next;
    uint64_t flushes;
};

extern struct tlb model_tlbs[MODEL_CPUS];

void tlb_empty(struct tlb *t);

#endif

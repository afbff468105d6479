/* What the two machines of the model share: fibers (machine.c) and threads (threads.c). */
#ifndef MODEL_COMMON_H
#define MODEL_COMMON_H

#include "model/model.h"

extern struct cpu model_cpus[MODEL_CPUS];

/* A generator's state for a seed; its next number, 0 to n - 1. */
uint64_t random_start(uint64_t seed);
uint32_t random_next(uint64_t *state, uint32_t n);

/* Fails if a block that was to be clear is not. */
void model_check_clear(mfn_t m, unsigned order);

#endif

/*
 * Which key somebody meant who wrote one that there is not.
 */
#ifndef TOOLS_VMCTL_CONFIG_NEAREST_KEY_H
#define TOOLS_VMCTL_CONFIG_NEAREST_KEY_H

#include <stddef.h>

struct nearest_key {
    const char *key;  /* as it was written */
    const char *name; /* the best so far; NULL: none is near enough to be named */
    unsigned int slips;
};

/* Starts with nothing found: a key of three letters may have one slip, of six two, of nine three;
 * who is further off had something else in mind, and is better not guessed at. */
void nearest_key_begin(struct nearest_key *nearest, const char *key);
/* Takes name if it is nearer than what there is. */
void nearest_key_try(struct nearest_key *nearest, const char *name);

#endif

/*
 * What the commands about guests' devices have in common.
 */
#ifndef TOOLS_VMCTL_COMMANDS_DEVICES_H
#define TOOLS_VMCTL_COMMANDS_DEVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs_client;

/* The text of a node that dom0 writes, as far as it fits; "-": there is none. */
void device_node_text(struct xs_client *store, const char *base, const char *node, char *to,
                      size_t size);
/* The same for what a guest writes: as a number, or it would speak to whoever reads the list. */
void device_node_number(struct xs_client *store, const char *base, const char *node, char *to,
                        size_t size);
/* The state that a folder's node has; XENBUS_UNKNOWN. */
uint64_t device_state(struct xs_client *store, const char *base);
const char *device_state_name(uint64_t state);
/* The numbers of a guest's devices of a class ("vbd", "vif"), as texts; to be freed. */
int device_ids(struct xs_client *store, const char *class, uint32_t domid, char ***names,
               size_t *count);
bool device_id_is_taken(char **names, size_t count, uint32_t device_id);
/* The words of the command line as one device of a config: with commas in between.  -E2BIG. */
int device_words_join(int count, char **words, char *text, size_t size);

#endif

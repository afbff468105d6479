/*
 * The names of the guests that this process has made.
 *
 * The store has them too, a node each: to look for one there is to read all of them.  In dom0 every
 * guest is made by this one process (platform_makes_all_guests), so what is not here is free, and
 * who is here is the guest of that name unless somebody has written the node by hand: so it is to
 * be read before it is believed.
 */
#ifndef TOOLS_VMCTL_DOMAIN_NAMES_H
#define TOOLS_VMCTL_DOMAIN_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* Who was noted last under this name. */
bool names_find(const char *name, uint32_t *domid);
/* In place of the name the domain had.  -ENOMEM. */
int names_note(uint32_t domid, const char *name);
void names_forget(uint32_t domid);

#endif

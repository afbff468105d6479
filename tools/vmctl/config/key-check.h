/*
 * Before a config's values are read: can all of its keys be used?  What stands in the way is named
 * in one failure, so that nobody has to find it out key by key.
 */
#ifndef TOOLS_VMCTL_CONFIG_KEY_CHECK_H
#define TOOLS_VMCTL_CONFIG_KEY_CHECK_H

#include "vmctl/config/parse.h"

/* known(i): the i-th key with a meaning, NULL behind the last.  0; -EINVAL with the failure. */
int key_check(const struct config *config, const char *(*known)(size_t i), struct failure *failure);

#endif

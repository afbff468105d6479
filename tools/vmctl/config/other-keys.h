/*
 * Keys of xl.cfg without a meaning here: those the guest runs without all the same, and those
 * without which the user would not get what he asked for.
 */
#ifndef TOOLS_VMCTL_CONFIG_OTHER_KEYS_H
#define TOOLS_VMCTL_CONFIG_OTHER_KEYS_H

#include <stddef.h>

enum other_key { OTHER_KEY_UNKNOWN, OTHER_KEY_IGNORED, OTHER_KEY_REFUSED };

enum other_key other_key_find(const char *key);
/* The i-th of them all; NULL behind the last. */
const char *other_key_name(size_t i);

#endif

/*
 * Keys of xl.cfg without a meaning here: those the guest runs without all the same, and those
 * without which the user would not get what he asked for.
 */
#ifndef TOOLS_VMCTL_CONFIG_OTHER_KEYS_H
#define TOOLS_VMCTL_CONFIG_OTHER_KEYS_H

enum other_key { OTHER_KEY_UNKNOWN, OTHER_KEY_IGNORED, OTHER_KEY_REFUSED };

enum other_key other_key_find(const char *key);

/* The name that takes the fewest changes to become `key`; *least starts high. */
void nearest_key_try(const char *key, const char *name, const char **best, unsigned int *least);
void nearest_key_try_others(const char *key, const char **best, unsigned int *least);

#endif

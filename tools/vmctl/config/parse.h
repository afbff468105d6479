/*
 * The syntax of xl.cfg: KEY = VALUE, values being strings, numbers and lists of them.
 *
 * Pure text to tree; what keys mean is domain-config.c's business.  Any bytes may be fed in.
 */
#ifndef TOOLS_VMCTL_CONFIG_PARSE_H
#define TOOLS_VMCTL_CONFIG_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "vmctl/failure.h"

enum config_kind { CONFIG_STRING, CONFIG_NUMBER, CONFIG_LIST };

struct config_value {
    enum config_kind kind;
    unsigned int line;
    char *string;                /* CONFIG_STRING */
    int64_t number;              /* CONFIG_NUMBER */
    struct config_value **items; /* CONFIG_LIST */
    size_t count;
};

struct config_entry {
    struct config_entry *next;
    char *key;
    unsigned int line;
    struct config_value *value;
};

struct config {
    const char *file; /* for messages; the caller's */
    struct config_entry *first, **last;
};

/* 0; -EINVAL with a failure naming file and line; -ENOMEM. */
int config_parse(struct config **config, const char *file, const char *text, size_t size,
                 struct failure *failure);
void config_free(struct config *config);

#endif

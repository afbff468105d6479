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

/* Where a line of the config stands: in the file from 1 on, or on the command line. */
#define CONFIG_COMMAND_LINE 0u

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
/* A word KEY=VALUE of the command line goes behind what is there.  The config stays, whatever comes
 * of it; failures name the command line. */
int config_parse_word(struct config *config, const char *word, struct failure *failure);
/* "FILE:LINE", or "command line". */
void config_place(const struct config *config, unsigned int line, char *text, size_t size);
void config_free(struct config *config);

#endif

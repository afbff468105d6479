/*
 * A command line cut into words: quotes, backslashes, comments, redirection, ';'.  Pure.
 */
#ifndef DOM0_SHELL_WORDS_H
#define DOM0_SHELL_WORDS_H

#include <stdbool.h>

#define WORDS_MAX 60

struct words {
    int count;
    char *word[WORDS_MAX + 1]; /* NULL behind the last; they point into text */
    char *output;              /* "> file" or ">> file"; NULL: none */
    bool append;
    char *text; /* malloc'ed */
};

/* The words of the line's first command; *rest is what stands behind its ';', NULL if it is the
 * last. 0, -EINVAL (unfinished quotes, nothing behind >), -E2BIG, -ENOMEM. */
int words_split(struct words *words, const char *line, const char **rest);
void words_free(struct words *words);

#endif

/*
 * Completion at the prompt, its pure part: what is being written where the cursor stands, and what
 * the candidates that fit have in common.
 */
#ifndef DOM0_SHELL_COMPLETION_H
#define DOM0_SHELL_COMPLETION_H

#include <stdbool.h>
#include <stddef.h>

#define COMPLETION_WORD  256u
#define COMPLETION_WORDS 3u /* of a command: that many words decide what comes next */

/* Where the cursor stands: in which word of its command, and how that begins. */
struct completion_place {
    char before[COMPLETION_WORDS][COMPLETION_WORD]; /* the command's words in front of it */
    size_t index;                                   /* how many there are; 0: it is the command */
    char word[COMPLETION_WORD];                     /* as far as the cursor */
    bool is_file;                                   /* behind a > */
};

/* False where nothing can be completed: inside quotes, in a comment, in words that are too long.
 * "!" and "try" are no words of a command. */
bool completion_place_find(struct completion_place *place, const char *line, size_t cursor);

struct completions {
    char word[COMPLETION_WORD];   /* what all of them begin with */
    char common[COMPLETION_WORD]; /* and this, which may be longer */
    char shown[2048];             /* the list, as far as there is room */
    size_t count;
};

void completions_begin(struct completions *found, const char *word);
/* Takes it if it fits.  shown: its name in the list; it is not to be gone on with if it ends in
 * '/'. */
void completions_add(struct completions *found, const char *candidate, const char *shown);

#endif

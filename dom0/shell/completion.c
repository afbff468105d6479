/*
 * Completion's pure part.  See completion.h.
 */
#include "shell/completion.h"

#include <stdio.h>
#include <string.h>

/* The next command begins. */
static void place_clear(struct completion_place *place)
{
    memset(place, 0, sizeof(*place));
}

/* A word has come to its end.  Beyond those that decide only their number counts. */
static void word_end(struct completion_place *place, size_t *length)
{
    bool is_prefix = !place->index && (!strcmp(place->word, "!") || !strcmp(place->word, "try") ||
                                       !strcmp(place->word, "time"));

    if (*length && !is_prefix && !place->is_file) {
        if (place->index < COMPLETION_WORDS)
            memcpy(place->before[place->index], place->word, *length + 1);
        place->index++;
    }
    if (*length)
        place->is_file = false;
    *length = 0;
    place->word[0] = '\0';
}

static bool word_add(struct completion_place *place, size_t *length, char c)
{
    if (*length + 1 >= sizeof(place->word))
        return false;
    place->word[(*length)++] = c;
    place->word[*length] = '\0';
    return true;
}

/* One letter outside of quotes. */
static bool take_letter(struct completion_place *place, size_t *length, char c)
{
    switch (c) {
    case ';':
        place_clear(place);
        *length = 0;
        return true;
    case '>':
        word_end(place, length);
        place->is_file = true;
        return true;
    case ' ':
    case '\t':
        word_end(place, length);
        return true;
    default:
        return word_add(place, length, c);
    }
}

bool completion_place_find(struct completion_place *place, const char *line, size_t cursor)
{
    size_t length = 0;
    bool quoted = false; /* the word has quotes, which what would be put in does not know of */
    char quote = '\0';

    place_clear(place);
    for (size_t i = 0; i < cursor && line[i]; i++) {
        if (quote || line[i] == '"' || line[i] == '\'') {
            quote = !quote ? line[i] : line[i] == quote ? '\0' : quote;
            quoted = true;
            continue;
        }
        if (line[i] == '\\' || (line[i] == '#' && !length && !quoted))
            return false;
        if (strchr(" \t;>", line[i])) {
            if (quoted && !length && !word_add(place, &length, '"'))
                return false;
            quoted = false;
        }
        if (!take_letter(place, &length, line[i]))
            return false;
    }
    return !quoted;
}

void completions_begin(struct completions *found, const char *word)
{
    memset(found, 0, sizeof(*found));
    snprintf(found->word, sizeof(found->word), "%s", word);
}

void completions_add(struct completions *found, const char *candidate, const char *shown)
{
    size_t used = strlen(found->shown), same = 0;

    if (strncmp(candidate, found->word, strlen(found->word)) != 0 ||
        strlen(candidate) >= sizeof(found->common))
        return;
    if (!found->count++)
        strcpy(found->common, candidate);
    while (candidate[same] && candidate[same] == found->common[same])
        same++;
    found->common[same] = '\0';
    if (used + strlen(shown) + 3 <= sizeof(found->shown))
        sprintf(found->shown + used, "%s%s", used ? "  " : "", shown);
}

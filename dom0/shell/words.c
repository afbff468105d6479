/*
 * A command line cut into words.  See words.h.
 */
#include "shell/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct splitter {
    const char *at;
    char *to;
};

/* Copies one word; a quote or a backslash may start anywhere in it. */
static int copy_word(struct splitter *splitter)
{
    char quote = '\0';

    while (*splitter->at) {
        char c = *splitter->at;

        if (!quote && strchr(" \t>;", c))
            break;
        splitter->at++;
        if (c == quote) {
            quote = '\0';
        } else if (!quote && (c == '"' || c == '\'')) {
            quote = c;
        } else if (c == '\\' && quote != '\'' && *splitter->at) {
            char escaped = *splitter->at++;

            if (quote && escaped != '"' && escaped != '\\')
                *splitter->to++ = '\\';
            *splitter->to++ = escaped;
        } else {
            *splitter->to++ = c;
        }
    }
    *splitter->to++ = '\0';
    return quote ? -EINVAL : 0;
}

static void skip_blanks(struct splitter *splitter)
{
    while (*splitter->at == ' ' || *splitter->at == '\t' || *splitter->at == '\r')
        splitter->at++;
}

static int take_output(struct splitter *splitter, struct words *words)
{
    splitter->at++;
    words->append = *splitter->at == '>';
    splitter->at += words->append;
    skip_blanks(splitter);
    words->output = splitter->to;
    int error = copy_word(splitter);

    return error ? error : words->output[0] ? 0 : -EINVAL;
}

static int split(struct splitter *splitter, struct words *words)
{
    for (;;) {
        int error;

        skip_blanks(splitter);
        if (!*splitter->at || *splitter->at == '#' || *splitter->at == ';')
            return 0;
        if (*splitter->at == '>') {
            error = take_output(splitter, words);
        } else {
            if (words->count == WORDS_MAX)
                return -E2BIG;
            words->word[words->count++] = splitter->to;
            error = copy_word(splitter);
        }
        if (error)
            return error;
    }
}

int words_split(struct words *words, const char *line, const char **rest)
{
    memset(words, 0, sizeof(*words));
    words->text = malloc(2 * strlen(line) + 2); /* each word gets a NUL of its own */
    if (!words->text)
        return -ENOMEM;
    struct splitter splitter = { line, words->text };
    int error = split(&splitter, words);

    *rest = !error && *splitter.at == ';' ? splitter.at + 1 : NULL;
    if (error)
        words_free(words);
    return error;
}

void words_free(struct words *words)
{
    free(words->text);
    words->text = NULL;
    words->count = 0;
}

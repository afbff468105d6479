/*
 * A line from the keyboard.  See line-editor.h.
 *
 * After each key the whole line is drawn again: carriage return, prompt, text, "erase to the
 * end", cursor back to its place.  That is all a terminal needs to know.
 */
#include "shell/line-editor.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libc/libc.h"
#include "pv-kernel/console.h"
#include "shell/completion.h"
#include "tasks/console-input.h"

#define HISTORY_LINES 50

#define KEY_CTRL(letter) ((letter) - 'A' + 1)
#define KEY_ESCAPE       27
#define KEY_DELETE       127

/* Those that end in '~'. */
#define SEQUENCE_HOME      (-1)
#define SEQUENCE_DELETE    (-3)
#define SEQUENCE_END       (-4)
#define SEQUENCE_PAGE_UP   (-5)
#define SEQUENCE_PAGE_DOWN (-6)

static char *history[HISTORY_LINES]; /* the newest first */

struct editor {
    const char *prompt;
    char *line;
    size_t size, length, cursor;
    int place;     /* in the history; -1: the line being typed */
    bool scrolled; /* the screen shows what went by, until something is drawn */
    char *typed;
    void (*complete)(const char *line, size_t cursor, struct completions *found);
};

static void draw(const struct editor *editor)
{
    libc_terminal_raw(true);
    printf("\r%s%.*s\033[K", editor->prompt, (int)editor->length, editor->line);
    if (editor->cursor < editor->length)
        printf("\033[%uD", (unsigned int)(editor->length - editor->cursor));
    fflush(stdout);
    libc_terminal_raw(false);
}

static void insert(struct editor *editor, char c)
{
    if (editor->length + 1 >= editor->size)
        return;
    memmove(editor->line + editor->cursor + 1, editor->line + editor->cursor,
            editor->length - editor->cursor);
    editor->line[editor->cursor++] = c;
    editor->line[++editor->length] = '\0';
}

static void erase(struct editor *editor, size_t from, size_t to)
{
    memmove(editor->line + from, editor->line + to, editor->length - to);
    editor->length -= to - from;
    editor->line[editor->length] = '\0';
    editor->cursor = from;
}

static void replace(struct editor *editor, const char *text)
{
    snprintf(editor->line, editor->size, "%s", text);
    editor->length = editor->cursor = strlen(editor->line);
}

static void walk_history(struct editor *editor, int step)
{
    int place = editor->place + step;

    if (place < -1 || place >= HISTORY_LINES || (place >= 0 && !history[place]))
        return;
    if (editor->place == -1) {
        free(editor->typed);
        editor->typed = strdup(editor->line);
    }
    editor->place = place;
    replace(editor, place >= 0 ? history[place] : editor->typed ? editor->typed : "");
}

static void remember(const char *line)
{
    if (!line[0] || (history[0] && !strcmp(history[0], line)))
        return;
    char *copy = strdup(line);

    if (!copy)
        return;
    free(history[HISTORY_LINES - 1]);
    memmove(&history[1], &history[0], (HISTORY_LINES - 1) * sizeof(history[0]));
    history[0] = copy;
}

/*
 * What stands behind an escape: the letter that ends the sequence, or what negated stands before a
 * '~', as VT220's keyboard sends it; 0: no sequence.  Sequences nobody here knows are read to their
 * ends (ECMA-48, 5.4).
 */
static int sequence_read(void)
{
    int first = console_read_char(), number = 0, c;

    if (first == 'O')
        return console_read_char();
    if (first != '[')
        return 0;
    while ((c = console_read_char()) >= ' ' && c < '@')
        if (c >= '0' && c <= '9' && number < 100)
            number = number * 10 + (c - '0');
    return c == '~' ? -number : c >= '@' ? c : 0;
}

static void escape_sequence(struct editor *editor)
{
    switch (sequence_read()) {
    case 'A':
        walk_history(editor, 1);
        break;
    case 'B':
        walk_history(editor, -1);
        break;
    case 'C':
        editor->cursor += editor->cursor < editor->length;
        break;
    case 'D':
        editor->cursor -= editor->cursor > 0;
        break;
    case 'H':
    case SEQUENCE_HOME:
        editor->cursor = 0;
        break;
    case 'F':
    case SEQUENCE_END:
        editor->cursor = editor->length;
        break;
    case SEQUENCE_DELETE:
        if (editor->cursor < editor->length)
            erase(editor, editor->cursor, editor->cursor + 1);
        break;
    case SEQUENCE_PAGE_UP:
        editor->scrolled = console_scroll(1) > 0;
        break;
    case SEQUENCE_PAGE_DOWN:
        editor->scrolled = console_scroll(-1) > 0;
        break;
    default:
        break;
    }
}

/* Goes on with the word as far as all that fit agree; where that says nothing new, shows them. */
static void complete_word(struct editor *editor)
{
    struct completions *found = malloc(sizeof(*found)); /* it is large for a stack */

    if (!found)
        return;
    editor->complete(editor->line, editor->cursor, found);
    size_t known = strlen(found->word), length = strlen(found->common);

    for (size_t i = known; found->count && i < length; i++)
        insert(editor, found->common[i]);
    if (found->count == 1 && length && found->common[length - 1] != '/')
        insert(editor, ' ');
    else if (found->count > 1 && length == known)
        printf("\n%s\n", found->shown);
    free(found);
}

/* Handles a key; true when it ended the line. */
static bool handle_key(struct editor *editor, int key)
{
    switch (key) {
    case '\r':
    case '\n':
        return true;
    case KEY_CTRL('C'):
        printf("^C\n");
        replace(editor, "");
        break;
    case KEY_CTRL('A'):
        editor->cursor = 0;
        break;
    case KEY_CTRL('E'):
        editor->cursor = editor->length;
        break;
    case KEY_CTRL('U'):
        erase(editor, 0, editor->cursor);
        break;
    case KEY_CTRL('K'):
        erase(editor, editor->cursor, editor->length);
        editor->cursor = editor->length;
        break;
    case KEY_CTRL('H'):
    case KEY_DELETE:
        if (editor->cursor)
            erase(editor, editor->cursor - 1, editor->cursor);
        break;
    case '\t':
        complete_word(editor);
        break;
    case KEY_ESCAPE:
        escape_sequence(editor);
        break;
    default:
        if (key >= ' ')
            insert(editor, (char)key);
    }
    return false;
}

void line_editor_read(const char *prompt, char *line, size_t size,
                      void (*complete)(const char *line, size_t cursor, struct completions *found))
{
    struct editor editor = {
        .prompt = prompt, .line = line, .size = size, .place = -1, .complete = complete
    };

    line[0] = '\0';
    do {
        if (!editor.scrolled)
            draw(&editor);
        editor.scrolled = false;
    } while (!handle_key(&editor, console_read_char()));
    printf("\n");
    remember(line);
    free(editor.typed);
}

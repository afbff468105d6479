/*
 * Key maps: which characters the keys have that are not the same on every keyboard.
 *
 * A map is drawn as the keyboard lies there, row by row, each key's character in its place; a blank
 * is a key that gives nothing.  The rows, from the top (in parentheses: the key's name in US):
 *     the key left of 1 (`), then 1 to the key left of Backspace (=)
 *     from the key right of Tab (q) to the one above, or left of, Enter (])
 *     from the key right of Caps Lock (a) to the one left of Enter ('), then the one above or next
 * to Enter (\) the key right of the left Shift, which US keyboards do not have, then (z) to (/)
 *
 * Characters are ASCII, since neither the screen nor the line editor knows others; keys that
 * combine with the next one give their own character at once.
 */
#ifndef DEVICES_KEYMAP_H
#define DEVICES_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum keymap_layer { KEYMAP_PLAIN, KEYMAP_SHIFT, KEYMAP_ALTGR, KEYMAP_LAYERS };

#define KEYMAP_ROWS 4

struct keymap {
    const char *name;
    const char *rows[KEYMAP_ROWS][KEYMAP_LAYERS]; /* NULL and what is beyond the end: nothing */
};

extern const struct keymap keymap_us, keymap_uk, keymap_de, keymap_fr, keymap_es, keymap_it;

/* What the key with this code of set 1 gives; 0: nothing. */
char keymap_character(const struct keymap *map, uint8_t code, enum keymap_layer layer);
/* Whether the right Alt is AltGr here. */
bool keymap_has_altgr(const struct keymap *map);

/* NULL: there is none of that name. */
const struct keymap *keymap_find(const char *name);
/* All names, with spaces between. */
void keymap_names(char *names, size_t size);

#endif

/*
 * What is typed: a keyboard's codes of set 1, one after the other, become characters and the escape
 * sequences that terminals send for keys without one.
 */
#ifndef DEVICES_KEYBOARD_KEYS_H
#define DEVICES_KEYBOARD_KEYS_H

#include "devices/keymap.h"
#include <stdbool.h>
#include <stdint.h>

#define KEY_TEXT_MAX 8

enum key_meaning {
    KEY_NOTHING,
    KEY_TEXT, /* see text */
    KEY_PAGE, /* the same: page up or down, which may be somebody's who shows what went by */
    KEY_SHOW_EARLIER, /* Shift and page up: what went by on the screen */
    KEY_SHOW_LATER,
    KEY_PLUGGED, /* this is another keyboard, or one that has forgotten everything */
};

struct keys {
    const struct keymap *map;
    bool caps_lock, num_lock;
    unsigned int text_length;
    char text[KEY_TEXT_MAX];
    /* For itself. */
    unsigned int held; /* which of the keys that change others */
    uint8_t prefix;    /* 0xe0, or what came of 0xe1: the next byte belongs to it */
};

/* Zeroes and a map are a keyboard nobody has touched yet. */
enum key_meaning keys_take(struct keys *keys, uint8_t code);

#endif

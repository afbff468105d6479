/*
 * Scan code set 1 (IBM PS/2 Hardware Interface Technical Reference, "Keyboards"; Microsoft's
 * "Keyboard Scan Code Specification", appendix C, has the keys that came later): a key's code when
 * it goes down, and again while it is held; the same with bit 7 when it comes up.  Keys that the
 * first keyboards did not have send 0xe0 before the code of the key they stand for.  Around some of
 * them comes a Shift that nobody touched, with 0xe0 before it.
 *
 * Only the keys that change others are known to be held.  When codes are lost all of them count as
 * up: so none sticks, and a finger that is still on one is noticed by its repetition.
 */
#include "devices/keyboard-keys.h"
#include "devices/keyboard-controller.h"
#include <string.h>

#define PREFIX       0xe0
#define PREFIX_PAUSE 0xe1 /* two more codes follow: those of Ctrl and of Num Lock */
#define RELEASED     0x80

#define CODE_CONTROL 0x1d
#define CODE_LEFT    0x2a /* Shift */
#define CODE_RIGHT   0x36
#define CODE_ALT     0x38
#define CODE_CAPS    0x3a
#define CODE_NUM     0x45
#define CODE_TAB     0x0f
#define CODE_PAD     0x47 /* the first of the keypad's block of 13 keys */
#define CODE_PAGE_UP 0x49
#define CODE_PAGE_DN 0x51

#define LEFT_SHIFT    0x01u
#define RIGHT_SHIFT   0x02u
#define SHIFT         (LEFT_SHIFT | RIGHT_SHIFT)
#define LEFT_CONTROL  0x04u
#define RIGHT_CONTROL 0x08u
#define CONTROL       (LEFT_CONTROL | RIGHT_CONTROL)
#define ALT           0x10u
#define RIGHT_ALT     0x20u
#define CAPS          0x40u
#define NUM           0x80u

#define ESCAPE 27
#define DELETE 127

/* Keys that are the same everywhere.  Function keys and those of the keypad's block: as xterm sends
 * them ("XTerm Control Sequences", PC-style function keys). */
static const struct {
    uint8_t code;
    const char *text;
} common[] = {
    { 0x01, "\033" },     { 0x0e, "\177" },     { CODE_TAB, "\t" },   { 0x1c, "\r" },
    { 0x39, " " },        { 0x37, "*" },        { 0x4a, "-" },        { 0x4e, "+" },
    { 0x3b, "\033OP" },   { 0x3c, "\033OQ" },   { 0x3d, "\033OR" },   { 0x3e, "\033OS" },
    { 0x3f, "\033[15~" }, { 0x40, "\033[17~" }, { 0x41, "\033[18~" }, { 0x42, "\033[19~" },
    { 0x43, "\033[20~" }, { 0x44, "\033[21~" }, { 0x57, "\033[23~" }, { 0x58, "\033[24~" },
};

/* The keypad's block from CODE_PAD on; the keys between it and the letters send the same. */
static const char pad_digits[] = "789-456+1230.";
static const char *const pad_moves[] = { "\033[H",  "\033[A",  "\033[5~", NULL,     "\033[D",
                                         NULL,      "\033[C",  NULL,      "\033[F", "\033[B",
                                         "\033[6~", "\033[2~", "\033[3~" };

static enum key_meaning give(struct keys *keys, const char *text)
{
    keys->text_length = (unsigned int)strlen(text);
    memcpy(keys->text, text, keys->text_length);
    return KEY_TEXT;
}

static unsigned int modifier(uint8_t code, bool extended)
{
    switch (code) {
    case CODE_CONTROL:
        return extended ? RIGHT_CONTROL : LEFT_CONTROL;
    case CODE_ALT:
        return extended ? RIGHT_ALT : ALT;
    case CODE_LEFT:
        return extended ? 0 : LEFT_SHIFT;
    case CODE_RIGHT:
        return extended ? 0 : RIGHT_SHIFT;
    case CODE_CAPS:
        return extended ? 0 : CAPS;
    case CODE_NUM:
        return extended ? 0 : NUM;
    default:
        return 0;
    }
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

/*
 * What Ctrl makes of a character (ECMA-48, 5.2), and of the digits 2 to 8 (VT220 Programmer
 * Reference, table 3-5): on many keyboards ] and \ are behind a third Shift.  -1: nothing.
 */
static int controlled(const struct keys *keys, char c, uint8_t code)
{
    static const char of_digits[] = { 0, ESCAPE, 0x1c, 0x1d, 0x1e, 0x1f, DELETE };
    char shifted = keymap_character(keys->map, code, KEYMAP_SHIFT);
    char digit = c >= '2' && c <= '8' ? c : shifted;

    if (c < ' ' || c == DELETE)
        return c;
    if (c == ' ')
        return 0;
    if (is_letter(c) || (c >= '@' && c <= '_'))
        return c & 0x1f;
    if (c == '?')
        return DELETE;
    return digit >= '2' && digit <= '8' ? of_digits[digit - '2'] : -1;
}

static enum key_meaning character(struct keys *keys, char c, uint8_t code)
{
    bool alt = keys->held & ALT || (keys->held & RIGHT_ALT && !keymap_has_altgr(keys->map));
    int given = keys->held & CONTROL ? controlled(keys, c, code) : c;

    if (given < 0)
        return KEY_NOTHING;
    keys->text_length = 0;
    if (alt)
        keys->text[keys->text_length++] = ESCAPE;
    keys->text[keys->text_length++] = (char)given;
    return KEY_TEXT;
}

/* A key whose character the map says. */
static enum key_meaning mapped(struct keys *keys, uint8_t code)
{
    bool shift = keys->held & SHIFT;
    enum keymap_layer layer = KEYMAP_PLAIN;
    char c;

    if (keys->caps_lock && is_letter(keymap_character(keys->map, code, KEYMAP_PLAIN)))
        shift = !shift;
    if (keys->held & RIGHT_ALT && keymap_has_altgr(keys->map))
        layer = KEYMAP_ALTGR;
    else if (shift)
        layer = KEYMAP_SHIFT;
    c = keymap_character(keys->map, code, layer);
    return c ? character(keys, c, code) : KEY_NOTHING;
}

/* The keypad's block, and with 0xe0 the keys that move. */
static enum key_meaning pad(struct keys *keys, uint8_t code, bool extended)
{
    bool shift = keys->held & SHIFT, page = code == CODE_PAGE_UP || code == CODE_PAGE_DN;
    const char *move = pad_moves[code - CODE_PAD];

    if (!extended && keys->num_lock != shift)
        return character(keys, pad_digits[code - CODE_PAD], 0);
    if (page && shift)
        return code == CODE_PAGE_UP ? KEY_SHOW_EARLIER : KEY_SHOW_LATER;
    if (!move)
        return KEY_NOTHING;
    give(keys, move);
    return page ? KEY_PAGE : KEY_TEXT;
}

static enum key_meaning pressed(struct keys *keys, uint8_t code, bool extended)
{
    bool in_pad = code >= CODE_PAD && code < CODE_PAD + sizeof(pad_digits) - 1;

    if (extended && code == 0x35)
        return character(keys, '/', 0);
    if (in_pad && code != 0x4a && code != 0x4e)
        return pad(keys, code, extended);
    if (extended && code != 0x1c)
        return KEY_NOTHING;
    if (code == CODE_TAB && keys->held & SHIFT)
        return give(keys, "\033[Z");
    for (size_t i = 0; i < sizeof(common) / sizeof(*common); i++)
        if (common[i].code == code)
            return common[i].text[1] ? give(keys, common[i].text)
                                     : character(keys, common[i].text[0], 0);
    return mapped(keys, code);
}

static enum key_meaning modifier_pressed(struct keys *keys, unsigned int key)
{
    if (keys->held & key) /* it repeats */
        return KEY_NOTHING;
    keys->held |= key;
    keys->caps_lock ^= key == CAPS;
    keys->num_lock ^= key == NUM;
    return KEY_NOTHING;
}

static enum key_meaning key(struct keys *keys, uint8_t code, bool extended)
{
    unsigned int changes = modifier(code & (uint8_t)~RELEASED, extended);

    if (code & RELEASED) {
        keys->held &= ~changes;
        return KEY_NOTHING;
    }
    return changes ? modifier_pressed(keys, changes) : pressed(keys, code, extended);
}

/* Pause comes as 0xe1 0x1d 0x45 and goes at once as 0xe1 0x9d 0xc5: true if code belongs to it. */
static bool in_pause(struct keys *keys, uint8_t code)
{
    uint8_t down = code & (uint8_t)~RELEASED;

    if (keys->prefix == PREFIX_PAUSE && down == CODE_CONTROL) {
        keys->prefix = CODE_CONTROL;
        return true;
    }
    if (keys->prefix != CODE_CONTROL)
        return false;
    keys->prefix = 0;
    return down == CODE_NUM;
}

enum key_meaning keys_take(struct keys *keys, uint8_t code)
{
    bool extended = keys->prefix == PREFIX;

    if (code == KEYBOARD_ERROR || code == KEYBOARD_OVERRUN) {
        keys->held = keys->prefix = 0;
        return KEY_NOTHING;
    }
    if (in_pause(keys, code))
        return KEY_NOTHING;
    keys->prefix = 0;
    if (code == PREFIX || code == PREFIX_PAUSE) {
        keys->prefix = code;
        return KEY_NOTHING;
    }
    /* The same byte as the left Shift's coming up. */
    if (code == KEYBOARD_PLUGGED && !extended && !(keys->held & LEFT_SHIFT)) {
        keys->held = 0;
        return KEY_PLUGGED;
    }
    return key(keys, code, extended);
}

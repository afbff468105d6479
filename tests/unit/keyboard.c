/*
 * The keyboard's driver, from the controller's ports to what is typed on the console: setting up,
 * every map, keys that change others, keys that send more than one code, bytes that make no sense,
 * and machines without a keyboard, or with one that is none.
 *
 * Sources: dom0/devices/keyboard.c dom0/devices/keyboard-controller.c dom0/devices/keyboard-keys.c
 * dom0/devices/keymap.c dom0/devices/keymap-us.c dom0/devices/keymap-uk.c dom0/devices/keymap-de.c
 * dom0/devices/keymap-fr.c dom0/devices/keymap-es.c dom0/devices/keymap-it.c
 * dom0/devices/acpi-keyboard.c dom0/tasks/console-input.c
 *
 * Flags: -include tests/unit/fake-hypercalls.h -fno-builtin-printf -Wl,--wrap=printf
 */
#include "fake-keyboard.h"
#include "devices/keyboard.h"
#include "devices/keymap.h"
#include "tasks/console-input.h"
#include <limits.h>

#define SECOND 1000000000ULL

enum {
    ESC = 0x01,
    BACKSPACE = 0x0e,
    TAB = 0x0f,
    ENTER = 0x1c,
    CTRL = 0x1d,
    SHIFT = 0x2a,
    RIGHT_SHIFT = 0x36,
    ALT = 0x38,
    SPACE = 0x39,
    CAPS = 0x3a,
    NUM = 0x45,
    EXTENDED = 0xe0,
    UP = 0x80,
};

/* The machine's tables. */
static uint8_t fadt[116], dsdt[100];
static bool have_tables;

void acpi_tables_read(struct acpi_tables *tables)
{
    *tables = (struct acpi_tables){ 0 };
    if (have_tables)
        *tables = (struct acpi_tables){ fadt, dsdt, sizeof(fadt), sizeof(dsdt) };
}

void acpi_tables_free(struct acpi_tables *tables)
{
    (void)tables;
}

static int fresh(void **state)
{
    (void)state;
    machine = GOOD;
    memset(&controller, 0, sizeof(controller));
    controller.config = 0x47; /* as a BIOS leaves it */
    to_come_count = 0;
    said[0] = '\0';
    scroll_calls = 0;
    lines_back = 0;
    have_tables = false;
    console_drop_input();
    return 0;
}

static void runs(const char *command_line, const uint16_t *codes, size_t count)
{
    handler = NULL;
    port_masked = 0;
    controller.on = false;
    to_come = codes;
    to_come_count = count;
    assert_int_equal(keyboard_start(command_line), 0);
    if (!setjmp(finished))
        task(NULL);
}

static char given[1000];
static size_t given_length;

static void read_all(void)
{
    int c;

    given_length = 0;
    while ((c = console_read_char_until(0)) >= 0)
        given[given_length++] = (char)c;
    given[given_length] = '\0';
}

#define TYPE(line, ...)                                       \
    do {                                                      \
        const uint16_t codes_[] = { __VA_ARGS__ };            \
                                                              \
        runs(line, codes_, sizeof(codes_) / sizeof(*codes_)); \
        read_all();                                           \
    } while (0)

#define GIVES(text, ...)                              \
    do {                                              \
        TYPE(__VA_ARGS__);                            \
        assert_string_equal(given, text);             \
        assert_int_equal(given_length, strlen(text)); \
    } while (0)

static void sets_up(void **state)
{
    (void)state;
    controller.config = 0x07; /* somebody wanted it untranslated */
    readable(0x9c);           /* what was left by the boot loader's last key */
    readable(0x55 | FROM_MOUSE);
    TYPE("", SPACE);
    assert_string_equal(given, " ");
    assert_int_equal(controller.config, 0x65); /* its other flag stays */
    assert_true(controller.on);
    assert_int_equal(controller.lights, 0);
    assert_string_equal(said, "");
}

static void types_words(void **state)
{
    (void)state;
    GIVES("hi there\r", "", 0x23, 0xa3, 0x17, 0x97, SPACE, SPACE | UP, 0x14, 0x94, 0x23, 0x12, 0x13,
          0x12, 0x92, ENTER, ENTER | UP);
    GIVES("Hi!", "", SHIFT, 0x23, 0xa3, SHIFT | UP, 0x17, RIGHT_SHIFT, 0x02, RIGHT_SHIFT | UP);
    GIVES("aaa\t\177\033[Z", "", 0x1e, 0x1e, 0x1e, 0x9e, TAB, BACKSPACE, SHIFT, TAB);
}

static void locks(void **state)
{
    (void)state;
    TYPE("", CAPS, CAPS, CAPS | UP, 0x1e, 0x02, SHIFT, 0x1e, SHIFT | UP);
    assert_string_equal(given, "A1a");
    assert_int_equal(controller.lights, 4);
    TYPE("", CAPS, CAPS | UP, CAPS, CAPS | UP, 0x1e);
    assert_string_equal(given, "a");
    assert_int_equal(controller.lights, 0);
    TYPE("", 0x47, 0x4b, 0x4c, NUM, NUM | UP, 0x47, 0x4c, 0x53, 0x4a, SHIFT, 0x47, SHIFT | UP,
         0x37);
    assert_string_equal(given, "\033[H\033[D75.-\033[H*");
    assert_int_equal(controller.lights, 2);
}

static void control(void **state)
{
    (void)state;
    GIVES("\003\004\032", "", CTRL, 0x2e, 0xae, 0x20, 0x2c, CTRL | UP);
    GIVES("\003c", "", EXTENDED, CTRL, 0x2e, EXTENDED, CTRL | UP, 0x2e);
    GIVES("\035\035\034\033", "", CTRL, 0x1b, 0x06, 0x2b, 0x1a); /* Ctrl-] and Ctrl-5 */
    GIVES("\r\033\t", "", CTRL, ENTER, ESC, TAB);
    GIVES("", "", CTRL, 0x02, 0x27); /* there is no Ctrl-1 and no Ctrl-; */
    TYPE("", CTRL, SPACE);
    assert_int_equal(given_length, 1);
    assert_int_equal(given[0], 0);
    /* On any map Ctrl-5 is what leaves a guest's console, and so is ] behind AltGr. */
    GIVES("\035\035", "keymap=de", CTRL, 0x06, EXTENDED, ALT, 0x0a);
    GIVES("\035\035", "keymap=fr", CTRL, 0x06, EXTENDED, ALT, 0x0c);
}

static void alternatives(void **state)
{
    (void)state;
    GIVES("\033b\033Bb", "", ALT, 0x30, SHIFT, 0x30, ALT | UP, SHIFT | UP, 0x30);
    GIVES("\033q", "keymap=us", EXTENDED, ALT, 0x10); /* this map has no AltGr */
    GIVES("@q", "keymap=de", EXTENDED, ALT, 0x10, EXTENDED, ALT | UP, 0x10);
    GIVES("\033q", "keymap=de", ALT, 0x10);
    GIVES("", "keymap=de", EXTENDED, ALT, 0x1e);
}

static void keys_that_move(void **state)
{
    (void)state;
    GIVES("\033[A\033[B\033[C\033[D", "", EXTENDED, 0x48, EXTENDED, 0xc8, EXTENDED, 0x50, EXTENDED,
          0x4d, EXTENDED, 0x4b);
    GIVES("\033[H\033[F\033[2~\033[3~", "", EXTENDED, 0x47, EXTENDED, 0x4f, EXTENDED, 0x52,
          EXTENDED, 0x53);
    GIVES("\r/", "", EXTENDED, ENTER, EXTENDED, 0x35);
    GIVES("\033OP\033[15~\033[24~", "", 0x3b, 0x3f, 0x58);
    /* With Num Lock a Shift that nobody touched comes around them. */
    GIVES("\033[A\033[3~a", "", NUM, NUM | UP, EXTENDED, SHIFT, EXTENDED, 0x48, EXTENDED, 0xc8,
          EXTENDED, SHIFT | UP, EXTENDED, SHIFT, EXTENDED, 0x53, 0x1e);
    /* Keys that are none of ours: the menu's, print screen, scroll lock. */
    GIVES("", "", EXTENDED, 0x5b, EXTENDED, 0xdb, EXTENDED, SHIFT, EXTENDED, 0x37, 0x46, 0x54,
          0x7f);
}

static void pause_key(void **state)
{
    (void)state;
    GIVES("a", "", 0xe1, CTRL, NUM, 0xe1, CTRL | UP, NUM | UP, 0x1e);
    assert_int_equal(controller.lights, 0);
    GIVES("a", "", 0xe1, 0x1e); /* cut off */
    GIVES("a", "", 0xe1, CTRL, 0x1e);
    GIVES("\033[A", "", 0xe1, EXTENDED, 0x48);
    GIVES("a", "", EXTENDED, EXTENDED, 0x5c, 0x1e);
}

/* What tells of lost codes lets all keys go, so that none sticks. */
static void lost_codes(void **state)
{
    (void)state;
    GIVES("Aa", "", SHIFT, 0x1e, 0xff, 0x1e);
    GIVES("Aa", "", SHIFT, 0x1e, 0x00, 0x1e);
    GIVES("\001a", "", CTRL, 0x1e, 0x1e | PARITY, 0x1e);
    GIVES("a", "", EXTENDED, 0xff, 0x1e);
    GIVES("aA", "", 0x1e, 0x48 | FROM_MOUSE, SHIFT, 0x30 | FROM_MOUSE, 0x1e);
    GIVES("a", "", 0xfe, 0xfa, 0xee, 0xfc, 0xfd, 0x1e);
}

/* More than is kept comes at once: the end is lost, and no Shift sticks. */
static void overrun(void **state)
{
    uint16_t codes[132] = { SHIFT };

    (void)state;
    for (unsigned int i = 1; i < 131; i++)
        codes[i] = i % 2 ? 0x1e : 0x9e;
    codes[131] = 0x30;
    at_once = 128;
    runs("", codes, 128);
    read_all();
    assert_int_equal(given_length, 64); /* as many as are kept */
    for (at_once = 128; at_once <= 131; at_once++) {
        size_t together = at_once;

        runs("", codes, 132);
        read_all();
        assert_int_equal(given[0], 'A');
        assert_int_equal(given[given_length - 1], together > 128 ? 'b' : 'B');
        at_once = together;
    }
    at_once = 0;
}

static void random_bytes(void **state)
{
    static uint16_t codes[20000];

    (void)state;
    srand(1);
    for (unsigned int i = 0; i < 20000; i++)
        codes[i] = (uint16_t)(rand() & (rand() % 20 ? 0xff : 0x3ff));
    for (unsigned int i = 0; i + 200 <= 20000; i += 200)
        runs(i % 400 ? "keymap=fr" : "", codes + i, 200);
    read_all();
    fresh(NULL);
    GIVES("a", "", 0x1e);
}

static void plugged_in(void **state)
{
    (void)state;
    TYPE("", CAPS, CAPS | UP);
    assert_int_equal(controller.light_changes, 2);
    TYPE("", CAPS, CAPS | UP, CTRL, 0xaa, 0x1e);
    assert_string_equal(given, "A");
    assert_int_equal(controller.light_changes, 5); /* the new one is told what the old one showed */
    assert_int_equal(controller.lights, 4);
    fresh(NULL);
    TYPE("", SHIFT, 0x1e, 0xaa, 0x1e); /* the same byte: Shift comes up */
    assert_string_equal(given, "Aa");
    assert_int_equal(controller.light_changes, 1);
}

static void hesitant_keyboard(void **state)
{
    (void)state;
    machine = AGAIN_TWICE;
    TYPE("", CAPS, CAPS | UP, 0x1e);
    assert_string_equal(given, "A");
    assert_int_equal(controller.lights, 4);
    assert_true(controller.on);
}

/* Nothing on the port as yet: it is listened to all the same, and nobody waits long. */
static void no_keyboard(void **state)
{
    uint64_t before = now;

    (void)state;
    machine = NO_ANSWER;
    TYPE("", 0x1e);
    assert_string_equal(given, "a");
    assert_true(now - before < SECOND);
    assert_string_equal(said, "");
}

static void no_controller(void **state)
{
    (void)state;
    for (machine = NO_PORTS; machine <= NO_CONFIG; machine++) {
        uint64_t before = now;

        runs("", NULL, 0);
        assert_null(handler);
        assert_true(now - before < SECOND / 5);
        assert_string_equal(said, "");
        memset(&controller, 0, sizeof(controller));
    }
    machine = NO_PORTS;
    runs("", NULL, 0);
    assert_int_equal(controller.reads, 1);
}

static void what_acpi_says(void **state)
{
    (void)state;
    have_tables = true;
    memset(fadt, 0, sizeof(fadt));
    memset(dsdt, 0, sizeof(dsdt));
    fadt[8] = 3;
    runs("", NULL, 0);
    assert_int_equal(controller.reads, 0);
    assert_string_equal(said, "");
    memcpy(dsdt + 90, "\x0c\x41\xd0\x03\x03", 5); /* PNP0303 in the DSDT */
    GIVES("a", "", 0x1e);
    memset(dsdt, 0, sizeof(dsdt));
    memcpy(dsdt + sizeof(dsdt) - 7, "PNP0303", 7);
    GIVES("a", "", 0x1e);
    memset(dsdt, 0, sizeof(dsdt));
    fadt[109] = 2; /* the FADT's flag */
    GIVES("a", "", 0x1e);
    fadt[109] = 0;
    fadt[8] = 1; /* before there was one */
    GIVES("a", "", 0x1e);
}

/* It never runs empty: it is left alone, once and for all. */
static void endless(void **state)
{
    (void)state;
    TYPE("", 0x1e, BABBLING, 0x1e);
    assert_int_equal(given[0], 'a');
    assert_int_equal(port_masked, 1);
    assert_int_equal(to_come_count, 1);
    assert_non_null(strstr(said, "not listened to"));
}

static void maps(void **state)
{
    (void)state;
    GIVES("yz-/@\"", "keymap=us", 0x15, 0x2c, 0x0c, 0x35, SHIFT, 0x03, 0x28);
    GIVES("#\\\"@~|", "keymap=uk", 0x2b, 0x56, SHIFT, 0x03, 0x28, 0x2b, 0x56);
    GIVES("zy-#<^", "keymap=de", 0x15, 0x2c, 0x35, 0x2b, 0x56, 0x29);
    GIVES("/\"'_>", "keymap=de", SHIFT, 0x08, 0x03, 0x2b, 0x35, 0x56);
    GIVES("{[]}\\~|@", "keymap=de", EXTENDED, ALT, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x1b, 0x56, 0x10);
    GIVES("azqwm,!<$", "keymap=fr", 0x10, 0x11, 0x1e, 0x2c, 0x27, 0x32, 0x35, 0x56, 0x1b);
    GIVES("1234567890%?", "keymap=fr", SHIFT, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x28, 0x32);
    GIVES("~#{[|`\\^@]}", "keymap=fr", EXTENDED, ALT, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13);
    GIVES("\\|@#~[]{}", "keymap=es", EXTENDED, ALT, 0x29, 2, 3, 4, 5, 0x1a, 0x1b, 0x28, 0x2b);
    GIVES("{[]}`~@#", "keymap=it", EXTENDED, ALT, 8, 9, 10, 11, 12, 13, 0x27, 0x28);
    /* Caps Lock is for letters: where Shift gives digits it stays out of the way. */
    GIVES("A&", "keymap=fr", CAPS, CAPS | UP, 0x10, 0x02);
}

/* With every map everything can be typed that a command line may want. */
static void all_of_ascii(void **state)
{
    static const char *const names[] = { "us", "uk", "de", "fr", "es", "it" };

    (void)state;
    for (unsigned int n = 0; n < sizeof(names) / sizeof(*names); n++) {
        const struct keymap *map = keymap_find(names[n]);
        bool found[128] = { [' '] = true };

        assert_non_null(map);
        for (unsigned int code = 0; code < 0x80; code++)
            for (unsigned int layer = 0; layer < KEYMAP_LAYERS; layer++)
                found[(unsigned char)keymap_character(map, (uint8_t)code, layer)] = true;
        for (int c = ' '; c < 0x7f; c++)
            if (!found[c])
                fail_msg("%s: no %c", names[n], c);
        for (size_t row = 0; row < KEYMAP_ROWS; row++)
            assert_in_range(strlen(map->rows[row][0]),
                            row == 3 ? 11
                            : row    ? 12
                                     : 13,
                            row == 3 ? 11
                            : row    ? 12
                                     : 13);
    }
}

static void choice_of_map(void **state)
{
    (void)state;
    GIVES("z", "ip=dhcp keymap=fr keymap=de autostart=off", 0x15); /* the last one counts */
    assert_string_equal(said, "");
    GIVES("y", "xkeymap=de", 0x15);
    assert_string_equal(said, "");
    GIVES("y", "keymap=xx", 0x15);
    assert_string_equal(said, "keyboard: keymap=xx: there is no such map, but us uk de fr es it: "
                              "us is used\n");
    said[0] = '\0';
    GIVES("y", "keymap= keymap=a-very-long-name-that-is-not-one-of-any-map-that-there-is", 0x15);
    assert_non_null(strstr(said, "us is used\n"));
}

static void what_went_by(void **state)
{
    (void)state;
    TYPE("", SHIFT, EXTENDED, 0x49, EXTENDED, 0xc9, EXTENDED, 0x49, EXTENDED, 0x51);
    assert_string_equal(given, "");
    assert_int_equal(scroll_calls, 3);
    assert_int_equal(lines_back, 20);
    fresh(NULL);
    TYPE("", SHIFT, EXTENDED, 0x49, EXTENDED, 0xc9, SHIFT | UP, 0x1e); /* any other key: the end */
    assert_string_equal(given, "a");
    assert_int_equal(lines_back, 0);
    assert_int_equal(last_scroll, INT_MIN);
    fresh(NULL);
    TYPE("", EXTENDED, 0x49, EXTENDED, 0x51, 0x1e); /* the line editor's, or a guest's */
    assert_string_equal(given, "\033[5~\033[6~a");
    assert_int_equal(scroll_calls, 0);
}

/* Both ends of the console type into one; what is not read for long does not grow. */
static void typed_ahead(void **state)
{
    char key = 'x';

    (void)state;
    serial = "ser";
    console_type("key", 3);
    read_all();
    assert_string_equal(given, "serkey");
    for (unsigned int i = 0; i < 255; i++)
        console_type(&key, 1);
    console_type("\033[A", 3); /* no half of it */
    console_type("y", 1);
    console_type("z", 1);
    read_all();
    assert_int_equal(given_length, 256);
    assert_int_equal(given[255], 'y');
    for (unsigned int i = 0; i < 300; i++)
        console_type(&key, 1);
    console_type("\003", 1);
    assert_true(console_take_interrupt());
    assert_false(console_take_interrupt());
    console_type("a", 1);
    read_all();
    assert_string_equal(given, "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sets_up, fresh),
        cmocka_unit_test_setup(types_words, fresh),
        cmocka_unit_test_setup(locks, fresh),
        cmocka_unit_test_setup(control, fresh),
        cmocka_unit_test_setup(alternatives, fresh),
        cmocka_unit_test_setup(keys_that_move, fresh),
        cmocka_unit_test_setup(pause_key, fresh),
        cmocka_unit_test_setup(lost_codes, fresh),
        cmocka_unit_test_setup(overrun, fresh),
        cmocka_unit_test_setup(random_bytes, fresh),
        cmocka_unit_test_setup(plugged_in, fresh),
        cmocka_unit_test_setup(hesitant_keyboard, fresh),
        cmocka_unit_test_setup(no_keyboard, fresh),
        cmocka_unit_test_setup(no_controller, fresh),
        cmocka_unit_test_setup(what_acpi_says, fresh),
        cmocka_unit_test_setup(endless, fresh),
        cmocka_unit_test_setup(maps, fresh),
        cmocka_unit_test_setup(all_of_ascii, fresh),
        cmocka_unit_test_setup(choice_of_map, fresh),
        cmocka_unit_test_setup(what_went_by, fresh),
        cmocka_unit_test_setup(typed_ahead, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

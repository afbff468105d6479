/* The United Kingdom's keyboard (BS 4822), without the pound, the euro, the negation and the broken
 * bar. */
#include "devices/keymap.h"

const struct keymap keymap_uk = {
    .name = "uk",
    .rows = {
        { "`1234567890-=", " !\" $%^&*()_+" },
        { "qwertyuiop[]", "QWERTYUIOP{}" },
        { "asdfghjkl;'#", "ASDFGHJKL:@~" },
        { "\\zxcvbnm,./", "|ZXCVBNM<>?" },
    },
};

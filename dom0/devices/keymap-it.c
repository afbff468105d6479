/*
 * Italy's keyboard, without letters with accents, the pound, the degree, the section and the euro.
 * Braces, the backquote and the tilde are printed on no key: they are where Linux has them.
 */
#include "devices/keymap.h"

const struct keymap keymap_it = {
    .name = "it",
    .rows = {
        { "\\1234567890' ", "|!\" $%&/()=?^", "       {[]}`~" },
        { "qwertyuiop +", "QWERTYUIOP *", "          []" },
        { "asdfghjkl   ", "ASDFGHJKL", "         @#" },
        { "<zxcvbnm,.-", ">ZXCVBNM;:_" },
    },
};

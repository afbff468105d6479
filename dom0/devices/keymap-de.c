/* The German keyboard (DIN 2137, T1), without umlauts, sharp s, degree, section, acute and euro. */
#include "devices/keymap.h"

const struct keymap keymap_de = {
    .name = "de",
    .rows = {
        { "^1234567890  ", " !\" $%&/()=?`", "       {[]}\\ " },
        { "qwertzuiop +", "QWERTZUIOP *", "@          ~" },
        { "asdfghjkl  #", "ASDFGHJKL  '" },
        { "<yxcvbnm,.-", ">YXCVBNM;:_", "|" },
    },
};

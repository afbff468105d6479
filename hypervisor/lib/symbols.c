/* The table is made from the linked image and linked in a second time (symbols.awk). */
#include "lib/symbols.h"

struct symbol {
    uint32_t offset; /* from text_start */
    uint32_t name;   /* into symbol_names */
};

extern const struct symbol symbol_table[];
extern const uint32_t symbol_count;
extern const char symbol_names[];
extern const uint8_t text_start[], text_end[];

const char *symbol_find(uint64_t address, uint64_t *offset)
{
    uint64_t at = address - (uint64_t)text_start;
    const struct symbol *found = NULL;

    *offset = 0;
    if (address < (uint64_t)text_start || address >= (uint64_t)text_end)
        return "?";
    for (uint32_t i = 0; i < symbol_count && symbol_table[i].offset <= at; i++)
        found = &symbol_table[i];
    if (!found)
        return "?";
    *offset = at - found->offset;
    return symbol_names + found->name;
}

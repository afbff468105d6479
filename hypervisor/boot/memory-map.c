/* Firmware contradicts itself, and likes to cut what belongs together into many ranges. */
#include "boot/memory-map.h"
#include "boot/boot-info.h"

static uint64_t end_of(const struct e820_entry *e)
{
    return e->addr + e->size;
}

void memory_map_add(uint64_t base, uint64_t length, uint32_t type)
{
    unsigned n = boot_info.e820_entries;
    struct e820_entry *last = n ? &boot_info.e820[n - 1] : NULL;

    if (!length || base + length < base)
        return;
    if (last && last->type == type && end_of(last) == base)
        last->size += length;
    else if (n == MAX_E820)
        boot_info.e820_ignored++;
    else
        boot_info.e820[boot_info.e820_entries++] = (struct e820_entry){ base, length, type };
}

/* What is left of a range of RAM without that of another: its lower part, and its upper one, which
 * becomes a range of its own if there are both. */
static void cut(struct e820_entry *ram, const struct e820_entry *other)
{
    uint64_t start = ram->addr, end = end_of(ram);
    uint64_t lower = other->addr > start ? other->addr - start : 0;
    uint64_t upper = end > end_of(other) ? end - end_of(other) : 0;

    if (lower) {
        ram->size = lower;
        memory_map_add(end - upper, upper, E820_RAM);
        return;
    }
    ram->addr = end - upper;
    ram->size = upper;
}

static void drop_empty(void)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < boot_info.e820_entries; i++)
        if (boot_info.e820[i].size)
            boot_info.e820[kept++] = boot_info.e820[i];
    boot_info.e820_entries = kept;
}

void memory_map_settle(void)
{
    /* Parts that are cut off are at the end, and have their turn. */
    for (unsigned i = 0; i < boot_info.e820_entries; i++)
        for (unsigned j = 0; j < boot_info.e820_entries; j++) {
            struct e820_entry *ram = &boot_info.e820[i];
            const struct e820_entry *other = &boot_info.e820[j];

            if (ram->type != E820_RAM || (other->type == E820_RAM && j >= i))
                continue;
            if (ram->addr < end_of(other) && end_of(ram) > other->addr)
                cut(ram, other);
        }
    drop_empty();
}

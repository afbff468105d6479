/*
 * A hash table from strings to pointers: watches by path, a transaction's notes by path.
 *
 * The key is owned by whoever owns the value and must outlive the entry.  Chained, grows by
 * doubling, shrinks never (its users' numbers are bounded by limits.h).
 */
#ifndef DOM0_XENSTORE_STRING_TABLE_H
#define DOM0_XENSTORE_STRING_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct string_entry {
    struct string_entry *next;
    const char *key;
    uint32_t hash;
};

/* Entries are embedded at the start of the user's own struct. */
struct string_table {
    struct string_entry **buckets;
    size_t bucket_count; /* 0 or a power of two */
    size_t count;
};

struct string_entry *string_table_find(const struct string_table *table, const char *key);
/* -ENOMEM; key must not be in the table yet. */
int string_table_add(struct string_table *table, struct string_entry *entry, const char *key);
void string_table_remove(struct string_table *table, struct string_entry *entry);
/* Frees the buckets, not the entries. */
void string_table_free(struct string_table *table);

#endif

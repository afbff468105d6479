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

/* FNV-1a, character by character: the hash of a prefix comes on the way to the whole's. */
#define STRING_HASH_START 2166136261u
static inline uint32_t string_hash_add(uint32_t hash, char c)
{
    return (hash ^ (unsigned char)c) * 16777619u;
}
uint32_t string_hash(const char *key);

struct string_entry *string_table_find(const struct string_table *table, const char *key);
/* The entry whose key is the first `length` characters of text, of which `hash` is the hash. */
struct string_entry *string_table_find_prefix(const struct string_table *table, const char *text,
                                              size_t length, uint32_t hash);
/* -ENOMEM; key must not be in the table yet. */
int string_table_add(struct string_table *table, struct string_entry *entry, const char *key);
void string_table_remove(struct string_table *table, struct string_entry *entry);
/* Frees the buckets, not the entries. */
void string_table_free(struct string_table *table);

#endif

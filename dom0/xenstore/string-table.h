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
    uint64_t hash;
};

/* Entries are embedded at the start of the user's own struct. */
struct string_table {
    struct string_entry **buckets;
    size_t bucket_count; /* 0 or a power of two */
    size_t count;
};

/*
 * Character by character: the hash of a prefix comes on the way to the whole's.  The start and the
 * multiplier are secrets of this run, so that nobody can choose strings whose hashes are equal.
 */
extern uint64_t string_hash_start, string_hash_multiplier;
static inline uint64_t string_hash_add(uint64_t hash, char c)
{
    hash = (hash ^ (unsigned char)c) * string_hash_multiplier;
    return hash ^ hash >> 32;
}
uint64_t string_hash(const char *key);
/* Once, before the first hash: random bits. */
void string_hash_choose(uint64_t random1, uint64_t random2);

struct string_entry *string_table_find(const struct string_table *table, const char *key);
/* The entry whose key is the first `length` characters of text, of which `hash` is the hash. */
struct string_entry *string_table_find_prefix(const struct string_table *table, const char *text,
                                              size_t length, uint64_t hash);
/* -ENOMEM; key must not be in the table yet. */
int string_table_add(struct string_table *table, struct string_entry *entry, const char *key);
void string_table_remove(struct string_table *table, struct string_entry *entry);
/* Frees the buckets, not the entries. */
void string_table_free(struct string_table *table);

#endif

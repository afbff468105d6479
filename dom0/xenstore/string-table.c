/*
 * A hash table from strings to pointers.  See string-table.h.
 */
#include "xenstore/string-table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 16u

uint64_t string_hash_start = 14695981039346656037u, string_hash_multiplier = 0x9e3779b97f4a7c15u;

void string_hash_choose(uint64_t random1, uint64_t random2)
{
    string_hash_start ^= random1;
    string_hash_multiplier ^= random2 & ~(uint64_t)1; /* stays odd: nothing is lost */
}

uint64_t string_hash(const char *key)
{
    uint64_t hash = string_hash_start;

    while (*key)
        hash = string_hash_add(hash, *key++);
    return hash;
}

struct string_entry *string_table_find_prefix(const struct string_table *table, const char *text,
                                              size_t length, uint64_t hash)
{
    if (!table->bucket_count)
        return NULL;
    struct string_entry *entry = table->buckets[hash & (table->bucket_count - 1)];

    while (entry && (entry->hash != hash || strncmp(entry->key, text, length) != 0 ||
                     entry->key[length] != '\0'))
        entry = entry->next;
    return entry;
}

struct string_entry *string_table_find(const struct string_table *table, const char *key)
{
    return string_table_find_prefix(table, key, strlen(key), string_hash(key));
}

static int string_table_grow(struct string_table *table)
{
    size_t count = table->bucket_count ? table->bucket_count * 2 : FIRST_BUCKETS;
    struct string_entry **buckets = calloc(count, sizeof(*buckets));

    if (!buckets)
        return -ENOMEM;
    for (size_t i = 0; i < table->bucket_count; i++) {
        while (table->buckets[i]) {
            struct string_entry *entry = table->buckets[i];

            table->buckets[i] = entry->next;
            entry->next = buckets[entry->hash & (count - 1)];
            buckets[entry->hash & (count - 1)] = entry;
        }
    }
    free(table->buckets);
    table->buckets = buckets;
    table->bucket_count = count;
    return 0;
}

int string_table_add(struct string_table *table, struct string_entry *entry, const char *key)
{
    if (table->count >= table->bucket_count && string_table_grow(table) && !table->bucket_count)
        return -ENOMEM;
    entry->key = key;
    entry->hash = string_hash(key);
    struct string_entry **bucket = &table->buckets[entry->hash & (table->bucket_count - 1)];

    entry->next = *bucket;
    *bucket = entry;
    table->count++;
    return 0;
}

void string_table_remove(struct string_table *table, struct string_entry *entry)
{
    struct string_entry **at = &table->buckets[entry->hash & (table->bucket_count - 1)];

    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    table->count--;
}

void string_table_free(struct string_table *table)
{
    free(table->buckets);
    *table = (struct string_table){ 0 };
}

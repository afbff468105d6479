/*
 * Transactions.  See transaction.h for the rule and its picture.
 */
#include "xenstore/transaction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/connection.h"
#include "xenstore/domain.h"
#include "xenstore/limits.h"
#include "xenstore/path.h"
#include "xenstore/store.h"
#include "xenstore/watch.h"

int transaction_start(struct connection *connection, uint32_t *id)
{
    struct xenstore *store = connection->store;
    uint32_t limit =
        connection_is_guest(connection) ? LIMIT_GUEST_TRANSACTIONS : LIMIT_TRANSACTIONS;

    if (connection->transaction_count >= limit)
        return -ENOSPC;
    if (!connection_may_grow(connection))
        return -ENOMEM;
    struct transaction *transaction = calloc(1, sizeof(*transaction));

    if (!transaction)
        return -ENOMEM;
    do
        transaction->id = ++store->next_transaction_id;
    while (!transaction->id || transaction_find(connection, transaction->id, NULL) != -ENOENT);
    transaction->connection = connection;
    transaction->churn = store->churn;
    transaction->base = node_share(store->root);
    transaction->root = node_share(store->root);
    transaction->next_of_connection = connection->transactions;
    connection->transactions = transaction;
    connection->transaction_count++;
    transaction->older = store->newest_transaction;
    if (transaction->older)
        transaction->older->newer = transaction;
    else
        store->oldest_transaction = transaction;
    store->newest_transaction = transaction;
    store->transaction_count++;
    *id = transaction->id;
    return 0;
}

int transaction_find(struct connection *connection, uint32_t id, struct transaction **found)
{
    struct transaction *transaction = connection->transactions;

    while (transaction && transaction->id != id)
        transaction = transaction->next_of_connection;
    if (!transaction)
        return -ENOENT;
    if (found)
        *found = transaction;
    return transaction->base ? 0 : -EAGAIN;
}

static void notes_free(struct transaction *transaction)
{
    while (transaction->first_note) {
        struct note *note = transaction->first_note;

        transaction->first_note = note->next;
        free(note);
    }
    transaction->last_note = NULL;
    string_table_free(&transaction->notes);
}

/* Lets go of the trees and notes, keeps the number: its end will say EAGAIN. */
static void transaction_give_up(struct transaction *transaction)
{
    node_release(transaction->base);
    node_release(transaction->root);
    transaction->base = transaction->root = NULL;
    notes_free(transaction);
    transaction->connection->transaction_bytes -= transaction->bytes;
    transaction->bytes = 0;
}

static void transaction_free(struct transaction *transaction)
{
    struct connection *connection = transaction->connection;
    struct xenstore *store = connection->store;
    struct transaction **at = &connection->transactions;

    transaction_give_up(transaction);
    while (*at != transaction)
        at = &(*at)->next_of_connection;
    *at = transaction->next_of_connection;
    connection->transaction_count--;
    if (transaction->older)
        transaction->older->newer = transaction->newer;
    else
        store->oldest_transaction = transaction->newer;
    if (transaction->newer)
        transaction->newer->older = transaction->older;
    else
        store->newest_transaction = transaction->older;
    store->transaction_count--;
    free(transaction);
}

void transactions_drop(struct connection *connection)
{
    while (connection->transactions)
        transaction_free(connection->transactions);
}

static bool note_outranks(enum note_kind kind, enum note_kind other)
{
    static const int rank[] = {
        [NOTE_READ] = 0, [NOTE_TOUCHED] = 1, [NOTE_REMOVED_BELOW] = 2, [NOTE_CHANGED] = 3
    };

    return rank[kind] > rank[other];
}

int transaction_note(struct transaction *transaction, const char *path, enum note_kind kind)
{
    struct note *note = (struct note *)string_table_find(&transaction->notes, path);
    size_t length = strlen(path);

    if (note) {
        if (note_outranks(kind, note->kind))
            note->kind = kind;
        return 0;
    }
    if (connection_is_guest(transaction->connection) &&
        transaction->notes.count >= LIMIT_GUEST_TRANSACTION_NODES)
        return -ENOSPC;
    int error = transaction_charge(transaction, sizeof(*note) + length + 1);

    if (error)
        return error;
    note = calloc(1, sizeof(*note) + length + 1);
    if (!note)
        return -ENOMEM;
    memcpy(note->path, path, length);
    note->kind = kind;
    const struct node *node = tree_find(transaction->base, path);

    note->generation = node ? node->generation : 0;
    if (string_table_add(&transaction->notes, &note->entry, note->path)) {
        free(note);
        return -ENOMEM;
    }
    if (transaction->last_note)
        transaction->last_note->next = note;
    else
        transaction->first_note = note;
    transaction->last_note = note;
    return 0;
}

int transaction_charge(struct transaction *transaction, size_t bytes)
{
    struct connection *connection = transaction->connection;

    if (connection_is_guest(connection) &&
        connection->transaction_bytes + bytes > LIMIT_GUEST_TRANSACTION_BYTES)
        return -ENOSPC;
    if (!connection_may_grow(connection))
        return -ENOMEM;
    transaction->bytes += (uint32_t)bytes;
    connection->transaction_bytes += (uint32_t)bytes;
    return 0;
}

void transactions_age(struct xenstore *store, size_t bytes)
{
    store->churn += bytes;
    for (struct transaction *at = store->oldest_transaction; at; at = at->newer) {
        if (store->churn - at->churn <= LIMIT_SNAPSHOT_CHURN)
            return;
        if (at->base && connection_is_guest(at->connection))
            transaction_give_up(at);
    }
}

void transactions_give_up(struct xenstore *store)
{
    for (struct transaction *at = store->oldest_transaction; at; at = at->newer)
        if (at->base)
            transaction_give_up(at);
}

static bool transaction_conflicts(const struct transaction *transaction)
{
    struct node *root = transaction->connection->store->root;

    if (root == transaction->base)
        return false;
    for (const struct note *note = transaction->first_note; note; note = note->next) {
        const struct node *node = tree_find(root, note->path);

        if ((node ? node->generation : 0) != note->generation)
            return true;
    }
    return false;
}

/* Gives the node at path in *root the content it has in the transaction; its parent is there. */
static int commit_put(struct node **root, const char *path, const struct node *from)
{
    struct node *node;
    int error = tree_edit_naming(root, path, from->domains, &node);

    if (error == -ENOENT) {
        char parent_path[PATH_BUFFER];
        struct node *parent;

        path_parent(parent_path, path);
        error = tree_edit(root, parent_path, &parent); /* put before it, naming these too */
        if (error)
            return error;
        node = node_create(from->name, strlen(from->name), from->permissions);
        if (!node)
            return -ENOMEM;
        error = tree_insert(parent, node);
        if (error)
            node_release(node);
    } else if (!error) {
        node_set_permissions(node, permissions_share(from->permissions));
    }
    if (error)
        return error;
    if (from->value)
        from->value->references++;
    node_set_value(node, from->value);
    node->generation = from->generation;
    return 0;
}

static bool note_changes(const struct note *note)
{
    return note->kind != NOTE_READ;
}

static int shorter_path_first(const void *a, const void *b)
{
    size_t first = strlen((*(struct note *const *)a)->path);
    size_t second = strlen((*(struct note *const *)b)->path);

    return first < second ? -1 : first > second;
}

/* Brings what was changed and still exists into *root, parents before their children. */
static int commit_puts(struct transaction *transaction, struct node **root)
{
    struct note **notes = malloc((transaction->notes.count + 1) * sizeof(struct note *));
    size_t count = 0;
    int error = 0;

    if (!notes)
        return -ENOMEM;
    for (struct note *note = transaction->first_note; note; note = note->next)
        if (note_changes(note) && tree_find(transaction->root, note->path))
            notes[count++] = note;
    qsort(notes, count, sizeof(struct note *), shorter_path_first);
    for (size_t i = 0; i < count && !error; i++)
        error = commit_put(root, notes[i]->path, tree_find(transaction->root, notes[i]->path));
    free(notes);
    return error;
}

static int commit_build(struct transaction *transaction, struct node **root)
{
    int error = 0;

    for (struct note *note = transaction->first_note; note && !error; note = note->next) {
        struct node *removed = NULL;

        if (!note_changes(note) || tree_find(transaction->root, note->path))
            continue;
        error = tree_remove(root, note->path, &removed);
        if (error == -ENOENT)
            error = 0; /* went with its parent, or never was */
        node_release(removed);
    }
    return error ? error : commit_puts(transaction, root);
}

/* Moves the charges of the changed nodes; with apply unset only asks whether they fit. */
static int commit_charges(struct transaction *transaction, bool apply)
{
    struct xenstore *store = transaction->connection->store;
    uint32_t self = transaction->connection->domid;
    int64_t change = 0;

    for (struct note *note = transaction->first_note; note; note = note->next) {
        if (!note_changes(note))
            continue;
        const struct node *old = tree_find(transaction->base, note->path);
        const struct node *now = tree_find(transaction->root, note->path);
        uint32_t old_owner = old ? old->permissions->entries[0].domid : 0;
        uint32_t new_owner = now ? now->permissions->entries[0].domid : 0;

        change += (new_owner == self) - (old_owner == self);
        if (!apply && store_domain_reserve(store, new_owner))
            return -ENOMEM;
        if (apply) {
            store_domain_charge(store, old_owner, -1);
            store_domain_charge(store, new_owner, 1);
        }
    }
    if (!apply && self && change > 0 &&
        store_domain_nodes(store, self) + change > (int64_t)LIMIT_GUEST_NODES)
        return -ENOSPC;
    return 0;
}

static void commit_tell(struct transaction *transaction, const struct node *old_root)
{
    struct xenstore *store = transaction->connection->store;
    char parent_path[PATH_BUFFER];

    for (struct note *note = transaction->first_note; note; note = note->next) {
        if (!note_changes(note) || note->kind == NOTE_TOUCHED)
            continue;
        const struct node *node = tree_find(store->root, note->path);

        if (!node)
            node = tree_find(old_root, note->path);
        if (!node)
            continue; /* created and removed again in here */
        path_parent(parent_path, note->path);
        const struct node *parent = tree_find(store->root, parent_path);

        watches_fire(store, note->path, node->permissions, parent ? parent->permissions : NULL,
                     note->kind == NOTE_REMOVED_BELOW);
    }
}

static int transaction_commit(struct transaction *transaction)
{
    struct xenstore *store = transaction->connection->store;
    struct node *root;

    if (!transaction->base || transaction_conflicts(transaction))
        return -EAGAIN;
    int error = commit_charges(transaction, false);

    if (error)
        return error;
    if (store->root == transaction->base) {
        root = node_share(transaction->root);
    } else {
        root = node_share(store->root);
        error = commit_build(transaction, &root);
        if (error) {
            node_release(root);
            return error;
        }
    }
    struct node *old_root = store->root;

    commit_charges(transaction, true);
    store->root = root;
    commit_tell(transaction, old_root);
    transactions_age(store, transaction->bytes);
    node_release(old_root);
    return 0;
}

int transaction_end(struct connection *connection, uint32_t id, bool commit)
{
    struct transaction *transaction;
    int error = transaction_find(connection, id, &transaction);

    if (error == -ENOENT)
        return error;
    if (commit && !error)
        error = transaction_commit(transaction);
    if (!commit)
        error = 0;
    transaction_free(transaction);
    return error;
}

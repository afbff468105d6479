/*
 * Transactions: a private tree, and notes of what was looked at and changed in it.
 *
 * At its start a transaction takes a reference to the store's root; its writes go to its own
 * copy (node.h).  Each path it reads or changes is noted with the generation it had in the
 * snapshot.  At the end:
 *
 *      tx 1:  start   read A          write B   end -> A unchanged since: B goes in
 *      other:                 write C
 *      tx 2:  start   read A                    end -> A's generation is another: EAGAIN
 *      other:                 write A
 *
 * A changed set of children is a change of the parent, so listing a directory conflicts with
 * creating something in it.  The new root is built aside and then put in place: a commit
 * happens whole or not at all.
 */
#ifndef DOM0_XENSTORE_TRANSACTION_H
#define DOM0_XENSTORE_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xenstore/node.h"
#include "xenstore/string-table.h"

struct connection;
struct xenstore;

enum note_kind {
    NOTE_READ,
    NOTE_CHANGED,       /* watchers of it and of what is above are told */
    NOTE_REMOVED_BELOW, /* went with its parent: only who watches this path is told */
    NOTE_TOUCHED,       /* its set of children changed: nobody is told on its account */
};

struct note {
    struct string_entry entry; /* first */
    struct note *next;
    uint64_t generation; /* in the snapshot; 0: there was no such node */
    enum note_kind kind;
    char path[];
};

struct transaction {
    struct connection *connection;
    struct transaction *next_of_connection;
    struct transaction *older, *newer;
    uint32_t id;
    uint32_t bytes;    /* written and noted, against LIMIT_GUEST_TRANSACTION_BYTES */
    int64_t nodes;     /* created less removed, of the connection's own domain */
    uint64_t churn;    /* the store's at the start */
    struct node *base; /* the snapshot; NULL once given up */
    struct node *root; /* the transaction's own tree */
    struct string_table notes;
    struct note *first_note, *last_note;
};

/* -ENOSPC: too many open ones. */
int transaction_start(struct connection *connection, uint32_t *id);
/* Commits or drops.  -ENOENT, -EAGAIN, -ENOSPC, -ENOMEM; it is gone in every case. */
int transaction_end(struct connection *connection, uint32_t id, bool commit);
/* -ENOENT: none of that number; -EAGAIN: given up, only its end is left. */
int transaction_find(struct connection *connection, uint32_t id, struct transaction **found);
void transactions_drop(struct connection *connection);

/* Notes an access, which is charged like what is written.  -ENOSPC, -ENOMEM. */
int transaction_note(struct transaction *transaction, const char *path, enum note_kind kind);
/* Charges bytes about to be written.  -ENOSPC, -ENOMEM. */
int transaction_charge(struct transaction *transaction, size_t bytes);

/* The store replaced a node of so many bytes: gives up guests' transactions that would keep
 * too much of the past alive. */
void transactions_age(struct xenstore *store, size_t bytes);
/* Gives all up, dom0's too: what shares nodes with the store's tree is gone then, and changing
 * the tree needs no memory. */
void transactions_give_up(struct xenstore *store);

#endif

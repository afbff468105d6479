/*
 * Every bound of the store in one place.  Those named GUEST hold for each domain but dom0;
 * with them a hostile guest can make the store keep at most about 6 MiB for it:
 * nodes 1000 x 3 KiB, open transactions 1 MiB and as many copies of its nodes, watches 128 x 4 KiB,
 * unread output 600 KiB.
 * The first numbers are Xen's defaults.
 */
#ifndef DOM0_XENSTORE_LIMITS_H
#define DOM0_XENSTORE_LIMITS_H

#define LIMIT_GUEST_NODES     1000u
#define LIMIT_GUEST_NODE_SIZE 2048u /* bytes of value, and of child list names */
/* Components of the paths of nodes it makes.  Not Xen's, which has none: the work for many nodes is
 * their number times their depth. */
#define LIMIT_GUEST_DEPTH             32u
#define LIMIT_GUEST_WATCHES           128u
#define LIMIT_GUEST_TRANSACTIONS      10u
#define LIMIT_GUEST_TRANSACTION_NODES 1024u
#define LIMIT_GUEST_PERMISSIONS       5u
#define LIMIT_GUEST_REPLIES           20u /* unread answers before requests wait */

/* Written and noted in open transactions together. */
#define LIMIT_GUEST_TRANSACTION_BYTES (1u << 20)
#define LIMIT_GUEST_EVENT_BYTES       (512u << 10) /* watch events not yet fetched */
/* The same of each of dom0's clients: what comes then is told as one event for the watched path. */
#define LIMIT_DOM0_EVENT_BYTES (64u << 10)

/* For everybody. */
#define LIMIT_PERMISSIONS  64u
#define LIMIT_TOKEN        1022u /* with the longest path it still fits an event's payload */
#define LIMIT_TRANSACTIONS 1024u
/* A guest's transaction whose snapshot keeps more than this many replaced bytes alive is
 * given up (it ends with EAGAIN): nobody can pin old versions of the tree. */
#define LIMIT_SNAPSHOT_CHURN (4u << 20)

#endif

/*
 * remote: one disk as its guest sees it, whose backend is another domain: a disk of a controller of
 * its own (devices/disk.h), and one or more rings that lead to the backend.
 *
 * connect.c owns the conversation and has the rings made (link.c) as terms.c has it.  The
 * controller's task owns them from then on: it sends commands (issue.c), takes answers (answers.c)
 * and takes leave (serve.c).  All of these run in tasks, and only taking leave sleeps.
 *
 * A backend is not trusted.  What it has been given it may write, map and hold for as long as it
 * likes; what it answers is copied once and checked.  If that cannot be, the disk stops: one line
 * says why.  Between two links everything that the first one shared is ours again: no request ends,
 * and none is sent again, before that.
 */
#ifndef BLOCK_FRONT_REMOTE_H
#define BLOCK_FRONT_REMOTE_H

#include "devices/disk.h"
#include "hypercall-abi/events.h"
#include "hypercall-abi/grants.h"
#include "hypercall-abi/rings/block.h"
#include "hypercall-abi/rings/ring.h"
#include "hypercall-abi/rings/xenbus.h"
#include "tasks/wait-queue.h"
#include <stdbool.h>
#include <stdint.h>

#define REMOTE_QUEUES_MAX     4u
#define REMOTE_ORDER_MAX      2u /* of the largest ring, in pages */
#define REMOTE_RING_PAGES     (1u << REMOTE_ORDER_MAX)
#define REMOTE_SEGMENTS_MAX   BLOCK_MAX_SEGMENTS
#define REMOTE_BUFFERS_MAX    1024u /* segments at the backend at once */
#define REMOTE_LISTS_MAX      16u   /* of them, indirect requests at once */
#define REMOTE_COMPLAINTS_MAX 4u    /* lines printed about one disk's backend */

union remote_slot {
    struct blkif_request request;
    struct blkif_request_discard discard;
    struct blkif_request_indirect indirect;
    struct blkif_response response;
};
_Static_assert(sizeof(union remote_slot) == 112, "as the protocol has it");
_Static_assert(REMOTE_SEGMENTS_MAX * sizeof(struct blkif_request_segment) <= 4096,
               "a list is one page");

/* The shared pages; the backend writes all of them at any time. */
struct remote_ring {
    struct ring_header header;
    union remote_slot slots[];
};

/* A reference, and what it is used for. */
struct remote_buffer {
    grant_ref_t ref; /* its own for as long as the link lives; 0: none */
    bool open;       /* the backend may use it */
    void *page;      /* what it always leads to; NULL: the memory of whoever asks */
};

/* A piece of a command's data: of one page. */
struct remote_piece {
    uint64_t machine;
    uint32_t bytes;
    uint16_t buffer; /* while it is under way */
};

/* What is in a slot of the disk's; its number is the request's id. */
struct remote_command {
    enum {
        REMOTE_IDLE,
        REMOTE_WAITS,    /* in line, for references or for room in the ring */
        REMOTE_UNDER_WAY /* the backend has it */
    } state;
    uint8_t operation; /* BLKIF_OP_*, as the answer is to have it */
    bool spoilt;       /* its data could not be copied: never sent */
    bool listed;       /* its pieces are in a list, in a page */
    uint16_t list;
    unsigned int queue;
    unsigned int count; /* of pieces */
    struct remote_piece *pieces;
    struct remote_command *next; /* in line */
};

struct remote_queue {
    volatile struct remote_ring *ring;
    unsigned int order, slots;
    grant_ref_t refs[REMOTE_RING_PAGES]; /* 0: none */
    evtchn_port_t port;                  /* 0: none */
    uint32_t produced;                   /* next slot to fill */
    uint32_t pushed;                     /* of those, the backend knows */
    uint32_t consumed;                   /* next answer to take */
};

enum remote_state {
    REMOTE_WAITING,    /* the backend has not said what it can */
    REMOTE_CONNECTING, /* the rings are there; the backend has not said that it sees them */
    REMOTE_CONNECTED,
    REMOTE_LEAVING, /* the controller's task takes back what was shared */
    REMOTE_CLOSED   /* nothing is shared */
};

struct remote {
    struct disk disk; /* first */
    struct disk_controller controller;
    unsigned int number; /* of its node below device/vbd */
    domid_t domid;       /* the backend's */
    enum remote_state state;
    const char *broken;        /* why; then it is to leave */
    bool gone;                 /* the backend, for good */
    bool tell;                 /* the conversation has something to do */
    enum xenbus_state theirs;  /* the backend's state when it was last looked at */
    struct wait_queue changed; /* any of these */

    /* The link. */
    bool persistent, kept; /* data goes through pages of ours; the backend keeps them mapped */
    unsigned int queue_count;
    struct remote_queue queues[REMOTE_QUEUES_MAX];
    unsigned int free_buffer_count, free_list_count;
    uint16_t free_buffers[REMOTE_BUFFERS_MAX], free_lists[REMOTE_LISTS_MAX];
    struct remote_buffer buffers[REMOTE_BUFFERS_MAX], lists[REMOTE_LISTS_MAX];

    /* What the disk asks for. */
    struct remote_command *commands; /* of each slot */
    struct remote_piece *pieces;     /* all commands' */
    struct remote_command *waiting_first, **waiting_last;
    bool any_spoilt;

    /* The conversation's. */
    char path[32]; /* our node in the store */
    char *backend; /* its node; NULL: not known yet */
    enum xenbus_state published;
    bool was_connected; /* since the backend last closed */
    bool refused;       /* nothing is given to the backend before the node is made anew */
    uint64_t again;     /* not before that time: there was no memory */
    bool settled;       /* it is a device, or will not be soon */
    bool known;         /* a device is made of it */
    unsigned int complaints;
    struct remote *next;
};

struct xs_client;

/* terms.c: what both ends can do. */
/* What the command line keeps back (block-front.h). */
void terms_limits_parse(const char *command_line);
/* Makes the link as the backend can have it, and tells the backend of it. */
int terms_tell(struct remote *remote, struct xs_client *store);
/*
 * Says that all of it is told.  -EAGAIN: something of it was changed meanwhile by the toolstack,
 * which makes the nodes anew when it takes the disk and gives it again; half of an offer is not to
 * be taken for one.
 */
int terms_seal(struct remote *remote, struct xs_client *store);
/*
 * Reads what the disk is and what the backend can, which it says with its state CONNECTED; a disk
 * that is known stays what it is.  -ENOTSUP: it makes no sense, or is less than it was, which is
 * said.
 */
int terms_read(struct remote *remote, struct xs_client *store);
/* A line of what the link is. */
void terms_print(const struct remote *remote);

/* link.c */
/* Makes queues and buffers.  What was had before an error is given back by link_let_go. */
int link_make(struct remote *remote, unsigned int queues, unsigned int order);
/* No events from here on. */
void link_mute(struct remote *remote);
/* Takes back what the backend does not use just now; true: that was all of it. */
bool link_let_go(struct remote *remote);
/* 0, or -EBUSY: the backend uses it. */
int link_buffer_close(struct remote_buffer *buffer);

/* issue.c */
void issue_command(struct disk *disk, unsigned int slot, const struct block_segment *segments,
                   unsigned int count);
/* Puts those in line into the rings, as far as there is room; push shows them. */
void issue_waiting(struct remote *remote);
void issue_push(struct remote *remote);
/* Forgets all commands: they will be issued again, or never. */
void issue_forget(struct remote *remote);
/* Copies between the command's data and its buffers, in persistent mode.  0 or -EIO. */
int issue_copy(struct remote *remote, const struct remote_command *command, bool to_buffers);

/* answers.c: takes all there are. */
void answers_take(struct remote *remote);

/* serve.c */
/* Starts the controller's task: 0 or -ENOMEM. */
int remote_start(struct remote *remote);
/* The controller's task takes back what is shared. */
void remote_leave(struct remote *remote);
/* Something a backend does not do by mistake. */
void remote_break(struct remote *remote, const char *why);
void remote_event(evtchn_port_t port, void *arg);

#endif

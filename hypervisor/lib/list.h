/* Doubly linked circular lists: a head is a link of its own.  Whether one is empty may be asked
 * without the lock that guards it. */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include "lib/atomic.h"
#include "lib/types.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *head)
{
    write_once(head->next, head);
    head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
    return read_once(head->next) == head;
}

static inline void list_add_before(struct list *link, struct list *next)
{
    write_once(link->next, next);
    link->prev = next->prev;
    write_once(next->prev->next, link);
    next->prev = link;
}

static inline void list_add_tail(struct list *link, struct list *head)
{
    list_add_before(link, head);
}

static inline void list_remove(struct list *link)
{
    write_once(link->prev->next, link->next);
    link->next->prev = link->prev;
    list_init(link);
}

#define list_entry(link, type, member) container_of(link, type, member)
#define list_for_each(it, head, member)                                             \
    for (it = list_entry((head)->next, typeof(*it), member); &it->member != (head); \
         it = list_entry(it->member.next, typeof(*it), member))
#define list_for_each_safe(it, tmp, head, member)               \
    for (it = list_entry((head)->next, typeof(*it), member),    \
        tmp = list_entry(it->member.next, typeof(*it), member); \
         &it->member != (head); it = tmp, tmp = list_entry(tmp->member.next, typeof(*it), member))

#endif

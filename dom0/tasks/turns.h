/*
 * Turns: fair shares of something that several users want piece by piece, as the slots of a disk's
 * queue.
 *
 * While nobody waits, who comes takes.  Who finds nothing left, or others in line, goes to the
 * line's end, and each gets one piece when he comes to its head: so of those who want more than
 * there is, all get equally many, and one who wants little waits for one round of the others.
 *
 *      line:  [a] b c        a piece is free -> a is called, takes it; b is called ...
 *             [b] c a        a wants more: behind the others
 */
#ifndef TASKS_TURNS_H
#define TASKS_TURNS_H

#include <stdbool.h>

/* One user's place in line. */
struct turn {
    struct turn *next;
    bool waits;
    void (*come)(struct turn *turn); /* its turn has come: it asks again soon; may not sleep */
};

struct turns {
    struct turn *first, *last; /* in line */
};

/* May this user take a piece now?  If not he is in line and will be called. */
bool turns_take(struct turns *turns, struct turn *turn);
/* Who was let in found that nothing was left: he is the first in line again. */
void turns_none_left(struct turns *turns, struct turn *turn);
/* Something was given back: calls the first in line. */
void turns_more(struct turns *turns);
/* A user goes, in line or not. */
void turns_leave(struct turns *turns, struct turn *turn);

#endif

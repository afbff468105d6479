/*
 * Turns: fair shares of something that several users want piece by piece, as the slots of a disk's
 * queue or of a NIC's: deficit round robin over bytes (Shreedhar and Varghese, 1995).
 *
 * While nobody waits, who comes takes.  Who finds nothing left, or others in line, goes to the
 * line's end.  At its head he may take as many bytes as the quantum says, times his weight, and
 * what he had left of his last turn; then he goes to the end again.  So of those who want more than
 * there is, all get equally many bytes whatever the size of their pieces, and one who wants little
 * waits for one round of the others.
 *
 *      line:  [a] b c        something is free -> a is called, takes a quantum; b is called ...
 *             [b] c a        a wants more: behind the others
 *
 * Who gives way in the middle of his turn, to tasks of whatever kind, says so (turn_pause) and
 * keeps it: else a turn of small pieces would end before its bytes are used up.
 */
#ifndef TASKS_TURNS_H
#define TASKS_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#define TURNS_QUANTUM 16384u

/* One user's place in line. */
struct turn {
    struct turn *next;
    struct turns *line; /* where he waits, if he does */
    bool waits;
    uint64_t taken;                  /* bytes, since he last paused */
    uint64_t charged;                /* what the last piece cost him: nothing if nobody waited */
    bool holds;                      /* he pauses in his turn: nobody else has one */
    unsigned int pauses;             /* in this turn */
    uint32_t weight;                 /* times the quantum; 0 is 1 */
    uint64_t credit;                 /* bytes left of his turn */
    void (*come)(struct turn *turn); /* its turn has come: it asks again soon; may not sleep */
};

struct turns {
    struct turn *first, *last; /* in line */
    struct turn *current;      /* who took last, and may have credit left; NULL: nobody */
    uint32_t quantum;          /* bytes; 0: TURNS_QUANTUM */
};

/* May this user take a piece of so many bytes now?  If not he is in line and will be called. */
bool turns_take(struct turns *turns, struct turn *turn, uint64_t bytes);
/* Who was let in found that nothing was left: he is the first in line again. */
void turns_none_left(struct turns *turns, struct turn *turn, uint64_t bytes);
/* Something was given back: calls the first in line. */
void turns_more(struct turns *turns);
/* A user goes, in line or not. */
void turns_leave(struct turns *turns, struct turn *turn);
/* The same for one who may be in any line: it was called and wants nothing any more, or goes. */
void turn_give_up(struct turn *turn);
/*
 * He was not refused, and others run before he asks again, as he will: his turn is still his.  If
 * he has taken too little since he last said so, or nothing was left for him, or he has said so too
 * often, he gives it up.  Who is about to sleep says turn_give_up: nobody has a turn meanwhile.
 */
void turn_pause(struct turn *turn);

/*
 * A limit on one user's rate, whatever the others do: so many bytes in each interval.  Who wants a
 * piece may take it if he has not used up the interval's bytes, even one larger than what is left:
 * then he waits for longer.
 */
struct turn_rate {
    uint64_t bytes, interval_ns; /* bytes 0: no limit */
    int64_t left;
    uint64_t refilled; /* when, by clock_monotonic_ns */
};

/* Takes the bytes and answers 0, or answers when (clock_monotonic_ns) it is time to ask again. */
uint64_t turn_rate_take(struct turn_rate *rate, uint64_t bytes, uint64_t now);

#endif

/*
 * Turns.  See turns.h.
 */
#include "tasks/turns.h"

#include <stddef.h>

/* A quantum of a frontend's smallest packets, a ring's round at a time, takes some forty.  Who
 * takes less than such a part between two of them only keeps the others out. */
#define PAUSES_MAX 48u

static uint64_t quantum_of(const struct turns *turns)
{
    return turns->quantum ? turns->quantum : TURNS_QUANTUM;
}

static void line_append(struct turns *turns, struct turn *turn)
{
    turn->next = NULL;
    turn->line = turns;
    turn->waits = true;
    if (turns->first)
        turns->last->next = turn;
    else
        turns->first = turn;
    turns->last = turn;
}

static void line_remove(struct turns *turns, struct turn *turn)
{
    struct turn **at = &turns->first, *before = NULL;

    while (*at != turn) {
        before = *at;
        at = &before->next;
    }
    *at = turn->next;
    if (turns->last == turn)
        turns->last = before;
    turn->waits = false;
}

void turns_more(struct turns *turns)
{
    if (turns->first && !(turns->current && turns->current->holds))
        turns->first->come(turns->first);
}

/* The head of the line begins his turn; whose turn it was has had it, used up or not. */
static void turn_begin(struct turns *turns, struct turn *turn)
{
    if (turns->current == turn)
        return;
    if (turns->current && !turns->current->waits)
        turns->current->credit = 0;
    turns->current = turn;
    turn->pauses = 0;
    turn->credit += quantum_of(turns) * (turn->weight ? turn->weight : 1);
}

/* To the end of the line, with what is left for the next time. */
static void turn_end(struct turns *turns, struct turn *turn)
{
    if (turns->current == turn)
        turns->current = NULL;
    line_append(turns, turn);
    turns_more(turns);
}

static bool take_at_head(struct turns *turns, struct turn *turn, uint64_t bytes)
{
    if (turns->current && turns->current->holds)
        return false; /* it is called when that one has had his turn */
    line_remove(turns, turn);
    turn_begin(turns, turn);
    if (turn->credit < bytes && turns->first) {
        turn_end(turns, turn);
        return false;
    }
    turn->charged = turn->credit < bytes ? turn->credit : bytes;
    turn->credit -= turn->charged;
    turns_more(turns); /* there may be another piece, which is the next one's */
    return true;
}

static bool take(struct turns *turns, struct turn *turn, uint64_t bytes)
{
    if (!turns->first)
        return true;
    if (turns->first == turn)
        return take_at_head(turns, turn, bytes);
    if (turn->waits)
        return false;
    if (turns->current == turn && turn->credit >= bytes) {
        turn->charged = bytes;
        turn->credit -= bytes;
        return true;
    }
    turn_end(turns, turn);
    return false;
}

bool turns_take(struct turns *turns, struct turn *turn, uint64_t bytes)
{
    bool may;

    turn->holds = false;
    turn->charged = 0;
    may = take(turns, turn, bytes);
    if (may)
        turn->taken += bytes;
    return may;
}

void turns_none_left(struct turns *turns, struct turn *turn, uint64_t bytes)
{
    if (turn->waits)
        return;
    if (turns->current == turn)
        turn->credit += turn->charged; /* no more: who asks in vain does not save up */
    turn->charged = 0;
    turn->taken -= turn->taken < bytes ? turn->taken : bytes;
    turn->next = turns->first;
    turn->line = turns;
    turn->waits = true;
    if (!turns->first)
        turns->last = turn;
    turns->first = turn;
}

void turns_leave(struct turns *turns, struct turn *turn)
{
    bool is_next = turns->first == turn || turns->current == turn;

    if (turns->current == turn)
        turns->current = NULL;
    turn->credit = 0;
    turn->holds = false;
    if (turn->waits)
        line_remove(turns, turn);
    if (is_next)
        turns_more(turns);
}

void turn_give_up(struct turn *turn)
{
    if (turn->line && (turn->waits || turn->line->current == turn))
        turns_leave(turn->line, turn);
}

void turn_pause(struct turn *turn)
{
    const struct turns *turns = turn->line;

    if (turns && turns->current == turn && !turn->waits &&
        turn->taken >= quantum_of(turns) / PAUSES_MAX && turn->pauses++ < PAUSES_MAX)
        turn->holds = true;
    else
        turn_give_up(turn);
    turn->taken = 0;
}

uint64_t turn_rate_take(struct turn_rate *rate, uint64_t bytes, uint64_t now)
{
    uint64_t intervals;

    if (!rate->bytes)
        return 0;
    intervals = (now - rate->refilled) / rate->interval_ns;
    if (intervals) {
        /* More than a few at once fill it from any debt that one piece can leave. */
        uint64_t gain = intervals < UINT32_MAX ? intervals : UINT32_MAX;

        rate->refilled += intervals * rate->interval_ns;
        gain = gain > (uint64_t)INT64_MAX / 2 / rate->bytes ? (uint64_t)INT64_MAX / 2
                                                            : gain * rate->bytes;
        rate->left += (int64_t)gain;
        if (rate->left > (int64_t)rate->bytes)
            rate->left = (int64_t)rate->bytes;
    }
    if (rate->left <= 0)
        return rate->refilled + rate->interval_ns;
    rate->left -= (int64_t)bytes;
    return 0;
}

/*
 * Turns.  See turns.h.
 */
#include "tasks/turns.h"

#include <stddef.h>

static void line_append(struct turns *turns, struct turn *turn)
{
    turn->next = NULL;
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
    if (turns->first)
        turns->first->come(turns->first);
}

bool turns_take(struct turns *turns, struct turn *turn)
{
    if (!turns->first)
        return true;
    if (turns->first != turn) {
        if (!turn->waits)
            line_append(turns, turn);
        return false;
    }
    line_remove(turns, turn);
    turns_more(turns); /* there may be another piece, which is the next one's */
    return true;
}

void turns_none_left(struct turns *turns, struct turn *turn)
{
    if (turn->waits)
        return;
    turn->next = turns->first;
    turn->waits = true;
    if (!turns->first)
        turns->last = turn;
    turns->first = turn;
}

void turns_leave(struct turns *turns, struct turn *turn)
{
    bool first = turns->first == turn;

    if (!turn->waits)
        return;
    line_remove(turns, turn);
    if (first)
        turns_more(turns);
}

/*
 * The console on the screen: a terminal of as many characters as the display has room for, with
 * the few control sequences that a line editor uses (ECMA-48: CUU CUD CUF CUB CHA CUP ED EL).
 */
#ifndef MACHINE_SCREEN_H
#define MACHINE_SCREEN_H

#include "machine/display.h"

/* From here on what is written shows on d. */
void screen_init(const struct display *d);
/* Printable ASCII is shown, any other character as one question mark.  Drawn at once until
 * screen_draw_later().  Calls do not overlap: the log's lock is held. */
void screen_write(const char *text, size_t n);

/*
 * Shows what went by so many half screens before what is shown now (negative: after it), as far as
 * there is something; whatever is written shows the end again.  *lines_back: lines between what is
 * shown then and the end.  -ENODEV without a screen.  From any CPU, without the log's lock.
 */
int must_check screen_scroll(int half_screens, unsigned *lines_back);

/* From here on a write (with the log's lock held) or a look back only calls reminder, so that
 * somebody calls screen_draw(): to draw a whole screen takes millions of instructions. */
void screen_draw_later(void (*reminder)(void));
/* Draws what has changed until it is enough; true: there is more.  From any CPU. */
bool screen_draw(bool (*enough)(void));
/* The machine stops: what was written is drawn now, and what will be without delay. */
void screen_draw_at_once(void);

#endif

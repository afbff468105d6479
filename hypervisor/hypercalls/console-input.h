/* Serial input for the control domain. */
#ifndef HYPERCALLS_CONSOLE_INPUT_H
#define HYPERCALLS_CONSOLE_INPUT_H

void console_input_init(void);

#endif

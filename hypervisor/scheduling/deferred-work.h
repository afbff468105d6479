/* Marks left for the way out (struct cpu.deferred), handled in order. */
#ifndef SCHEDULING_DEFERRED_WORK_H
#define SCHEDULING_DEFERRED_WORK_H

/* Handles this CPU's marks; may switch to another vCPU and not return. */
void deferred_work_run(void);
/* Registers what DEFERRED_FINISH does for the running vCPU (lifecycle/). */
void deferred_finish_set(void (*finish)(void));

#endif

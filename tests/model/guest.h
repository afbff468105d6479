/* What the model's CPUs do: two domains' vCPUs, and a controller that destroys and makes them. */
#ifndef MODEL_GUEST_H
#define MODEL_GUEST_H

/* Makes the domains; starts the CPUs (before each model_run); destroys all. */
void guests_begin(void);
void guests_start(void);
void guests_end(void);
/* How often each operation was tried, and how often it succeeded. */
void guests_report(void);

#endif

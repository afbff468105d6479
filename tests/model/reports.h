/* What ThreadSanitizer is told, and what it says. */
#ifndef MODEL_REPORTS_H
#define MODEL_REPORTS_H

#include "lib/types.h"

/* How many races it has reported so far. */
unsigned reports_count(void);

#endif

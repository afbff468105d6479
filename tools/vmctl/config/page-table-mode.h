/*
 * How a guest's page tables are kept (docs/page-table-modes.md).
 */
#ifndef TOOLS_VMCTL_CONFIG_PAGE_TABLE_MODE_H
#define TOOLS_VMCTL_CONFIG_PAGE_TABLE_MODE_H

#include <stdbool.h>
#include <stddef.h>

/* The guest's kernel chooses between direct and writable; shadow is another kind of domain. */
enum page_table_mode { PAGE_TABLES_DIRECT, PAGE_TABLES_WRITABLE, PAGE_TABLES_SHADOW };

const char *page_table_mode_name(enum page_table_mode mode);
/* -EINVAL: it is no mode's name. */
int page_table_mode_parse(const char *name, size_t length, enum page_table_mode *mode);
/* A kernel's command line and a config's pgtable (`given`: there was one) made to say the same:
 * each may stand for both.  -EINVAL: they differ; -E2BIG: the line gets too long. */
int page_table_mode_settle(char *command_line, size_t size, bool given, enum page_table_mode *mode);

#endif

/*
 * Fuzzer: any bytes as a config.  Either it is understood or a reason is given.
 *
 * Sources: tools/vmctl/config/parse.c tools/vmctl/config/disk.c
 * Sources: tools/vmctl/config/domain-config.c tools/vmctl/config/cpu-list.c tools/vmctl/failure.c
 * Sources: tools/vmctl/config/page-table-mode.c tools/vmctl/config/vif.c
 * Sources: tools/vmctl/config/other-keys.c
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "vmctl/config/domain-config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct domain_config config;
    struct failure failure = { "" };

    if (domain_config_parse(&config, "fuzz.cfg", (const char *)data, size, &failure) &&
        !failure.text[0])
        abort();
    return 0;
}

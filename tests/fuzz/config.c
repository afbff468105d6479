/*
 * Fuzzer: any bytes as a config.  Either it is understood or a reason is given.
 *
 * Sources: tools/vmctl/config/parse.c tools/vmctl/config/disk.c
 * Sources: tools/vmctl/config/domain-config.c tools/vmctl/config/cpu-list.c tools/vmctl/failure.c
 * Sources: tools/vmctl/config/page-table-mode.c tools/vmctl/config/vif.c
 * Sources: tools/vmctl/config/other-keys.c tools/vmctl/config/key-check.c
 * Sources: tools/vmctl/config/nearest-key.c
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
    struct config_source source = { .file = "fuzz.cfg", .text = (const char *)data, .size = size };

    if (domain_config_parse(&config, &source, &failure) && !failure.text[0])
        abort();
    return 0;
}

/*
 * vmctl help COMMAND: options and what stands behind them, where the command's line leaves that
 * open.
 */
#include <stddef.h>
#include <string.h>

#include "vmctl/command.h"

static const struct {
    const char *command, *lines;
} details[] = {
    { "create", "  -c         attach its console; Ctrl-] leaves it\n"
                "  -p         leave it paused; vmctl unpause lets it run\n"
                "  -q         say nothing\n"
                "  -F         stay until it is gone: status 0 after a power-off, 3 after a crash\n"
                "  CONFIG     a file as xl.cfg; /etc/vmctl has some\n"
                "  KEY=VALUE  outranks what the file says.  Strings need quotes that the shell\n"
                "             leaves alone: memory=256 'name=\"two\"' 'disk=[]'\n" },
    { "console", "  --send LINE     type the line and Return, and do not stay\n"
                 "  --expect REGEX  print what the guest says until this matches (status 0);\n"
                 "                  behind --send, what it says from then on\n"
                 "  --timeout S     give up after so many seconds (60; status 1)\n"
                 "Expressions: . * + ? | ( ) [a-z] [^a-z] ^ $ \\d \\w \\s \\n \\r \\t\n" },
    { "shutdown", "  -w  return when it has shut down; its name is free a moment later\n"
                  "      (vmctl wait NAME --state gone)\n" },
};

const char *help_details(const char *command)
{
    for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++)
        if (!strcmp(details[i].command, command))
            return details[i].lines;
    return "";
}

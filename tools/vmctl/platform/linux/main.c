/*
 * vmctl as a program of its own.
 */
#include "vmctl/command.h"

int main(int argc, char **argv)
{
    return vmctl_main(argc, argv);
}

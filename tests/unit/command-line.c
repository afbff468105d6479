/*
 * The hypervisor's command line: which words have effect, and which are named as wrong.
 *
 * Sources: hypervisor/boot/command-line.c hypervisor/lib/string.c
 *
 * Flags: -Ihypervisor -DHOST_TEST -fno-builtin
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "boot/command-line.h"
#include "lib/string.h"

extern char *strstr(const char *text, const char *part);

static char warned[512];

void log_print(enum log_level level, const char *format, ...)
{
    va_list args;

    (void)level;
    va_start(args, format);
    vsnprintf(warned, sizeof(warned), format, args);
    va_end(args);
}

static const struct options defaults = { .serial_count = 2,
                                         .com = { { 0x3f8, 4, 115200 }, { 0x2f8, 3, 115200 } },
                                         .console_vga = true };

static int reset(void **state)
{
    (void)state;
    options = defaults;
    return 0;
}

static void com_is(const char *word, unsigned base, unsigned irq, unsigned baud)
{
    options = defaults;
    command_line_parse(word);
    assert_int_equal(options.com[0].base, base);
    assert_int_equal(options.com[0].irq, irq);
    assert_int_equal(options.com[0].baud, baud);
}

static void serial_ports(void **state)
{
    (void)state;
    com_is("com1=115200,8n1", 0x3f8, 4, 115200);
    com_is("com1=9600", 0x3f8, 4, 9600);
    com_is("com1=,8n1,0x3e8", 0x3e8, 4, 115200);
    com_is("com1=57600,8n1,0x2f8", 0x2f8, 3, 57600);
    com_is("com1=38400,,0xe000", 0xe000, 0, 38400);
    com_is("com1=38400,8n1,0xE000,7", 0xe000, 7, 38400);
    com_is("com1=38400,8n1,1000", 1000, 4, 38400);
    /* None of these has effect. */
    com_is("com1=0", 0x3f8, 4, 115200);
    com_is("com1=200", 0x3f8, 4, 115200);
    com_is("com1=115200,7e1", 0x3f8, 4, 115200);
    com_is("com1=115200,8n1x", 0x3f8, 4, 115200);
    com_is("com1=115200,8n1,0xfff9", 0x3f8, 4, 115200);
    com_is("com1=115200,8n1,0", 0x3f8, 4, 115200);
    com_is("com1=115200,8n1,0x3f8,16", 0x3f8, 4, 115200);
    com_is("com1=115200,8n1,0x3f8,4,5", 0x3f8, 4, 115200);
    com_is("com1=115200,8n1,0x99999999999999999999", 0x3f8, 4, 115200);
    com_is("com1=115200,8n1,:", 0x3f8, 4, 115200);
    com_is("com1=115200,8n1,pci", 0x3f8, 4, 115200);
    command_line_warn();
    assert_non_null(strstr(warned, " com1=0 com1=200 com1=115200,7e1"));
    assert_null(strstr(warned, "9600"));
}

static void consoles_are(const char *word, unsigned first, unsigned count, bool vga)
{
    command_line_parse(word);
    assert_int_equal(options.serial_first, first);
    assert_int_equal(options.serial_count, count);
    assert_int_equal(options.console_vga, vga);
}

static void consoles(void **state)
{
    (void)state;
    consoles_are("", 0, 2, true);
    consoles_are("console=com1", 0, 2, false);
    consoles_are("console=vga,com2", 1, 1, true);
    consoles_are("console=none", 0, 0, false);
    consoles_are("console=vga", 0, 0, true);
    consoles_are("console=com1,vga console=hvc0", 0, 2, true);
    consoles_are("console=com1,vga console=", 0, 2, true); /* no word is a slip, not silence */
    consoles_are("console=com10", 0, 2, true);
    consoles_are("console=none2,vgax", 0, 2, true);
}

static void sizes_and_numbers(void **state)
{
    (void)state;
    command_line_parse(" dom0_mem=256M,max:256M  maxcpus=3 noreboot smap=0 loglvl=debug");
    assert_int_equal(options.dom0_bytes, 256UL << 20);
    assert_int_equal(options.max_cpus, 3);
    assert_true(options.no_reboot);
    assert_false(options.smap);
    assert_int_equal(options.log_level, LOG_DEBUG);
    command_line_parse("maxcpus=0 maxcpus=2x maxcpus=");
    assert_int_equal(options.max_cpus, 3);
    command_line_parse("loglvl=info/all smap=yes noreboot=no");
    assert_int_equal(options.log_level, LOG_INFO);
    assert_true(options.smap && !options.no_reboot);
    command_line_parse("dom0_mem=512M dom0_mem=1T dom0_mem=42949672959G dom0_mem=300MB dom0_mem=M "
                       "smap=2 noreboot=maybe");
    assert_int_equal(options.dom0_bytes, 512UL << 20);
    assert_true(options.smap && !options.no_reboot);
    command_line_parse("dom0_mem=1048576");
    assert_int_equal(options.dom0_bytes, 1UL << 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(serial_ports, reset),
        cmocka_unit_test_setup(consoles, reset),
        cmocka_unit_test_setup(sizes_and_numbers, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

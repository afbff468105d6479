/*
 * vmctl's configs: syntax, keys, disks, and messages that name file, line and remedy.
 *
 * Sources: tools/vmctl/config/parse.c tools/vmctl/config/disk.c
 * Sources: tools/vmctl/config/domain-config.c tools/vmctl/config/cpu-list.c
 * Sources: tools/vmctl/config/page-table-mode.c tools/vmctl/config/vif.c
 * Sources: tools/vmctl/config/other-keys.c tools/vmctl/config/key-check.c
 * Sources: tools/vmctl/config/nearest-key.c tools/vmctl/failure.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmctl/config/domain-config.h"
#include "vmctl/config/parse.h"

static struct domain_config domain;
static struct failure failure;

#define BASE "name = \"g\"\nkernel = '/k'\nmemory = 64\n"

static int parse_bytes(const char *text, size_t size, char *word)
{
    struct config_source source = {
        .file = "g.cfg", .text = text, .size = size, .words = &word, .word_count = word != NULL
    };

    memset(&failure, 0, sizeof(failure));
    return domain_config_parse(&domain, &source, &failure);
}

static int parse(const char *text)
{
    return parse_bytes(text, strlen(text), NULL);
}

static void expect_refusal(const char *text, const char *message)
{
    assert_int_not_equal(parse(text), 0);
    if (!strstr(failure.text, message))
        fail_msg("\"%s\" is not in \"%s\"", message, failure.text);
}

static void the_whole_syntax_is_read(void **state)
{
    (void)state;
    assert_int_equal(
        parse("# a comment\n"
              "name = \"demo-1\" # another\n"
              "uuid='00112233-4455-6677-8899-aabbccddeeff'; vcpus = 0x2\n"
              "kernel = \"\"\"/boot/vmlinuz\"\"\"\n"
              "ramdisk = '/boot/initrd'\n"
              "root = '/dev/xvda'\n"
              "extra = \"console=hvc0 a=\\\"b\\\"\"\n"
              "memory = 256\nmaxmem = \"512\"\n"
              "disk = [\n  'phy:/dev/vda1,xvda,w', # the root\n"
              "  \"/dev/vda2,raw,xvdb,r\",\n]\n"
              "on_poweroff = 'preserve'\non_reboot=\"restart\"\non_crash = \"restart\"\n"
              "type = \"pv\"\n"),
        0);
    assert_string_equal(domain.name, "demo-1");
    assert_int_equal(domain.uuid[15], 0xff);
    assert_int_equal(domain.vcpus, 2);
    assert_string_equal(domain.kernel, "/boot/vmlinuz");
    assert_string_equal(domain.command_line, "root=/dev/xvda console=hvc0 a=\"b\"");
    assert_int_equal(domain.memory_kib, 256 << 10);
    assert_int_equal(domain.maxmem_kib, 512 << 10);
    assert_int_equal(domain.disk_count, 2);
    assert_string_equal(domain.disks[0].target, "/dev/vda1");
    assert_true(domain.disks[0].writable);
    assert_int_equal(domain.disks[1].number, 51728);
    assert_false(domain.disks[1].writable);
    assert_int_equal(domain.on_poweroff, END_PRESERVE);
    assert_int_equal(domain.on_crash, END_RESTART);
}

static void page_table_modes_are_named_by_key_or_kernel(void **state)
{
    (void)state;
    assert_int_equal(parse(BASE), 0);
    assert_int_equal(domain.page_tables, PAGE_TABLES_DIRECT);
    assert_string_equal(domain.command_line, "");
    assert_int_equal(parse(BASE "pgtable='shadow'\nextra='x'\n"), 0);
    assert_int_equal(domain.page_tables, PAGE_TABLES_SHADOW);
    assert_string_equal(domain.command_line, "x");
    assert_int_equal(parse(BASE "pgtable='writable'\nextra='x'\n"), 0);
    assert_int_equal(domain.page_tables, PAGE_TABLES_WRITABLE);
    assert_string_equal(domain.command_line, "x xen_pgtable=writable");
    assert_int_equal(parse(BASE "extra='xen_pgtable=writable x_xen_pgtable=direct'\n"), 0);
    assert_int_equal(domain.page_tables, PAGE_TABLES_WRITABLE);
    assert_int_equal(parse(BASE "extra='xen_pgtable=direct xen_pgtable=shadow y'\n"), 0);
    assert_int_equal(domain.page_tables, PAGE_TABLES_SHADOW);
    assert_int_equal(parse(BASE "extra='y xen-pgtable=shadow'\n"), 0);
    assert_int_equal(domain.page_tables, PAGE_TABLES_SHADOW);
    assert_int_equal(parse(BASE "extra='xen_pgtable=odd'\n"), 0); /* the kernel's to warn of */
    assert_int_equal(domain.page_tables, PAGE_TABLES_DIRECT);
    assert_int_equal(parse(BASE "pgtable='shadow'\nextra='xen_pgtable=shadow'\n"), 0);
    expect_refusal(BASE "pgtable='direct'\nextra='xen_pgtable=shadow'\n",
                   "g.cfg: pgtable is \"direct\", but the kernel's command line says another");
    expect_refusal(BASE "pgtable='hap'\n",
                   "g.cfg:4: pgtable: unknown page-table mode (use direct, writable or shadow)");
}

static void cmdline_outranks_root_and_extra(void **state)
{
    (void)state;
    assert_int_equal(parse(BASE "root='/dev/xvda'\nextra='x'\ncmdline='mine'\n"), 0);
    assert_string_equal(domain.command_line, "mine");
}

static void lists_and_strings_grow_with_plus(void **state)
{
    (void)state;
    assert_int_equal(parse(BASE "extra='a'\nextra+=' b'\ndisk=['phy:/dev/a,xvda']\n"
                                "disk+=['phy:/dev/b,xvdb']\n"),
                     0);
    assert_string_equal(domain.command_line, "a b");
    assert_int_equal(domain.disk_count, 2);
}

static void unknown_keys_name_the_nearest(void **state)
{
    (void)state;
    expect_refusal("name='g'\nmemmory=1\n",
                   "g.cfg:2: unknown key \"memmory\" (did you mean \"memory\"?)");
    expect_refusal(BASE "on_crsh='destroy'\n", "did you mean \"on_crash\"?");
    expect_refusal(BASE "vcpu=2\n", "did you mean \"vcpus\"?");
    expect_refusal(BASE "memroy=2\n", "did you mean \"memory\"?");
    expect_refusal(BASE "on_rebot='x'\n", "did you mean \"on_reboot\"?");
    expect_refusal(BASE "pcii=['x']\n", "did you mean \"pci\"?");
    /* who is far from all of them is not guessed at */
    expect_refusal(BASE "vbd=[]\n", "g.cfg:4: unknown key \"vbd\" (take it out)");
    expect_refusal(BASE "ip=''\n", "g.cfg:4: unknown key \"ip\" (take it out)");
    expect_refusal(BASE "sched='credit'\n", "g.cfg:4: unknown key \"sched\" (take it out)");
    expect_refusal(BASE "x='y'\n", "unknown key \"x\" (take it out)");
}

static void all_unusable_keys_are_named_at_once(void **state)
{
    char text[4096], *at = text;

    (void)state;
    expect_refusal(BASE
                   "pci=['x']\nsched='a'\nvfb=['vnc']\nvcpus=99\nmemroy=1\nvtpm=['b']\ncap=0\n",
                   "g.cfg: 4 keys cannot be used: pci (line 4), vtpm (line 9): not supported yet; "
                   "sched (line 5), memroy (line 8; memory?): unknown (take them out)");
    assert_int_equal(parse_bytes(BASE "pci=['x']\n", strlen(BASE) + 10, (char[]){ "foo=1" }),
                     -EINVAL);
    assert_string_equal(failure.text,
                        "g.cfg: 2 keys cannot be used: pci (line 4): not supported yet; foo "
                        "(command line): unknown (take them out)");
    at += sprintf(at, BASE);
    for (int i = 0; i < 200; i++)
        at += sprintf(at, "key%d = 1\n", i);
    expect_refusal(text, "g.cfg: 200 keys cannot be used: key0 (line 4), key1 (line 5), ");
    expect_refusal(text, ", ... (take them out)");
}

/* What a Debian's xl or virt-manager writes for a PV guest: no key of it stands in the way. */
static void a_common_config_works_unchanged(void **state)
{
    (void)state;
    assert_int_equal(
        parse("# Kernel image\n"
              "name = \"web\"\nuuid = \"00112233-4455-6677-8899-aabbccddeeff\"\n"
              "type = 'pv'\nkernel = '/boot/vmlinuz'\nramdisk = '/boot/initrd.img'\n"
              "memory = 512\nmaxmem = 1024\nvcpus = '2'\nmaxvcpus = 4\npool = ''\n"
              "cpus = 'all'\nlocaltime = 0\ndevice_model_version = 'qemu-xen'\n"
              "device_model_override = '/usr/bin/qemu'\nvnc = 1\nvnclisten = '0.0.0.0'\n"
              "vncpasswd = ''\nsdl = 0\nkeymap = 'de'\nsoundhw = 'hda'\nusb = 1\n"
              "usbdevice = 'tablet'\nserial = 'pty'\nvideoram = 16\nstdvga = 1\n"
              "acpi = 1\napic = 1\npae = 1\nhpet = 1\nnx = 1\nboot = 'cd'\n"
              "xen_platform_pci = 1\nviridian = 1\nhap = 1\nspice = 0\n"
              "vfb = ['type=vnc']\npci = []\nnestedhvm = 0\ntimer_mode = 1\n"
              "disk = ['/dev/vda1,raw,xvda,rw']\nvif = ['mac=00:16:3e:01:02:03,bridge=b']\n"
              "root = '/dev/xvda'\nextra = 'ro'\non_watchdog = 'destroy'\n"),
        0);
    assert_int_equal(domain.vcpus, 2);
    assert_int_equal(domain.max_vcpus, 4);
    assert_non_null(strstr(domain.notices, "g.cfg: ignored, as it changes nothing here: pool, "
                                           "localtime, device_model_version, "));
    assert_ptr_equal(strchr(domain.notices, '\n') + 1, domain.notices + strlen(domain.notices));
}

static void vcpus_are_made_and_brought_online(void **state)
{
    (void)state;
    assert_int_equal(parse(BASE), 0);
    assert_int_equal(domain.vcpus, 1);
    assert_int_equal(domain.max_vcpus, 1);
    assert_int_equal(parse(BASE "vcpus = 3\n"), 0);
    assert_int_equal(domain.max_vcpus, 3);
    assert_int_equal(parse(BASE "maxvcpus = '4'\n"), 0);
    assert_int_equal(domain.vcpus, 1);
    assert_int_equal(domain.max_vcpus, 4);
    expect_refusal(BASE "vcpus = 3\nmaxvcpus = 2\n", "g.cfg: maxvcpus is less than vcpus");
    expect_refusal(BASE "maxvcpus = 129\n", "g.cfg:4: maxvcpus: out of range (use 1 to 128)");
}

static void time_stamp_counters(void **state)
{
    (void)state;
    assert_int_equal(parse(BASE "tsc_mode = 'default'\n"), 0);
    assert_int_equal(domain.tsc_mode, 0);
    assert_int_equal(parse(BASE "tsc_mode = 'always_emulate'\n"), 0);
    assert_int_equal(domain.tsc_mode, 1); /* the hypervisor's to refuse */
    assert_int_equal(parse(BASE "tsc_mode = 'native'\n"), 0);
    assert_int_equal(domain.tsc_mode, 2);
    assert_int_equal(parse(BASE "tsc_mode = 'native_paravirt'\n"), 0);
    assert_int_equal(domain.tsc_mode, 2);
    assert_int_equal(parse(BASE "tsc_mode = '2'\n"), 0);
    assert_int_equal(domain.tsc_mode, 2);
    assert_int_equal(parse(BASE "tsc_mode = 3\n"), 0);
    assert_int_equal(domain.tsc_mode, 2);
    expect_refusal(BASE "tsc_mode = 'fast'\n",
                   "g.cfg:4: tsc_mode: unknown mode (use default, native or native_paravirt)");
    expect_refusal(BASE "tsc_mode = ''\n", "unknown mode");
    expect_refusal(BASE "tsc_mode = 4\n", "out of range (use 0 to 3)");
    expect_refusal(BASE "tsc_mode = ['native']\n", "must be a number");
}

static void expect_words_refusal(const char *word, const char *message)
{
    char copy[200];

    snprintf(copy, sizeof(copy), "%s", word);
    assert_int_equal(parse_bytes(BASE, strlen(BASE), copy), -EINVAL);
    assert_string_equal(failure.text, message);
}

static void words_of_the_command_line_are_blamed_as_such(void **state)
{
    (void)state;
    assert_int_equal(parse_bytes(BASE "vcpus = 9", strlen(BASE) + 9, (char[]){ "vcpus=2" }), 0);
    assert_int_equal(domain.vcpus, 2);
    assert_int_equal(parse_bytes(BASE, strlen(BASE), (char[]){ "disk=[\n]; vcpus=3" }), 0);
    assert_int_equal(domain.vcpus, 3);
    expect_words_refusal("vcpus=0", "command line: vcpus: out of range (use 1 to 128)");
    expect_words_refusal("memmory=1",
                         "command line: unknown key \"memmory\" (did you mean \"memory\"?)");
    expect_words_refusal("pci=['x']", "command line: pci: not supported yet (take it out)");
    expect_words_refusal("vcpus", "command line: no = behind the key (a line is KEY = VALUE)");
    expect_words_refusal("name=web", "command line: no value (the shell takes quotes away: write "
                                     "'KEY=\"string\"')");
    expect_words_refusal("disk=['/dev/x']", "command line: disk \"/dev/x\": no name for the guest "
                                            "(add one, as in phy:/dev/vda1,xvda,w)");
    expect_words_refusal("vif=['mac=1']",
                         "command line: vif \"mac=1\": mac: not an address for one "
                         "interface (write one as 00:16:3e:12:34:56)");
    expect_words_refusal("a\x01=1",
                         "command line: not a text file (a config has lines KEY = VALUE)");
}

static void harmless_keys_are_noticed_others_refused(void **state)
{
    (void)state;
    assert_int_equal(parse(BASE "vfb=['type=vnc']\nloader='x'\nbuilder='generic'\nvif=[]\n"), 0);
    assert_string_equal(domain.notices,
                        "g.cfg: ignored, as it changes nothing here: vfb, loader\n");
    assert_int_equal(parse(BASE "vif=[]\n"), 0);
    assert_string_equal(domain.notices, "");
    expect_refusal(BASE "vtpm=['backend=1']\n", "g.cfg:4: vtpm: not supported yet");
    expect_refusal(BASE "type='hvm'\n", "g.cfg:4: type: only PV guests are supported");
    expect_refusal(BASE "pci=['00:01.0']\nfoo=1\nbuilder='hvm'\n",
                   "g.cfg:6: builder: only PV guests");
    expect_refusal(BASE "pci=['00:01.0']\n", "not supported yet");
}

#define ITS_OWN "name='g'\nmemory=64\ndisk=['/dev/vda1,xvda,w']\n"

static void a_guest_boots_its_own_kernel(void **state)
{
    (void)state;
    assert_int_equal(parse(ITS_OWN "bootloader='pygrub'\n"), 0);
    assert_true(domain.bootloader);
    assert_int_equal(parse(ITS_OWN "bootloader='/usr/lib/xen-4.17/bin/pygrub'\n"), 0);
    assert_int_equal(parse(ITS_OWN "bootloader='pvgrub'\n"), 0);
    assert_int_equal(parse(ITS_OWN "bootloader=''\nkernel='k'\n"), 0);
    assert_false(domain.bootloader);
    expect_refusal(ITS_OWN "bootloader='lilo'\n", "g.cfg:4: bootloader: this one is not supported");
    expect_refusal(ITS_OWN "bootloader='pygrub'\nkernel='k'\n", "bootloader and kernel");
    expect_refusal(ITS_OWN "bootloader='pygrub'\nextra='quiet'\n", "bootloader and extra");
    expect_refusal("name='g'\nmemory=64\nbootloader='pygrub'\n", "no disk to boot from");
}

static void interfaces(void **state)
{
    static const uint8_t mac[6] = { 0x00, 0x16, 0x3e, 0x01, 0x02, 0xfd };
    const struct vif_config *vif = domain.vifs;

    (void)state;
    assert_int_equal(parse(BASE "vif=['', 'mac=00:16:3E:01:02:FD, bridge = lan ,rate=10Mb/s',\n"
                                "'rate=1MB/s@20ms,vlan=7,mtu=9000,vifname=web,devid=9,model=e1000,"
                                "script=vif-bridge,type=vif,backend=Domain-0']\n"),
                     0);
    assert_int_equal(domain.vif_count, 3);
    assert_string_equal(vif[0].bridge, "xenbr0");
    assert_false(vif[0].has_mac);
    assert_int_equal(vif[0].rate_bytes, 0);
    assert_memory_equal(vif[1].mac, mac, 6);
    assert_string_equal(vif[1].bridge, "lan");
    assert_int_equal(vif[1].rate_bytes, 62500);
    assert_int_equal(vif[1].rate_us, 50000);
    assert_int_equal(vif[1].device_id, 1);
    assert_int_equal(vif[2].rate_bytes, 20000);
    assert_int_equal(vif[2].rate_us, 20000);
    assert_int_equal(vif[2].vlan, 7);
    assert_int_equal(vif[2].mtu, 9000);
    assert_string_equal(vif[2].name, "web");
    assert_int_equal(vif[2].device_id, 9);
    assert_non_null(strstr(domain.notices, "g.cfg:5: vif: model, script, type is ignored\n"));
}

static void bad_interfaces(void **state)
{
    static const char *const specs[] = {
        "mac=00:16:3e:01:02",
        "mac=01:16:3e:01:02:03",
        "mac=00:00:00:00:00:00",
        "mac=00:16:3e:01:02:03x",
        "bridge=",
        "bridge=0123456789abcdef",
        "rate=10",
        "rate=fast",
        "rate=10Mb/s@5",
        "rate=0b/s",
        "rate=10Mb/s@2000000us",
        "rate=99999999999999999999GB/s",
        "vlan=0",
        "vlan=4095",
        "mtu=67",
        "mtu=9001",
        "mtu=x",
        "devid=-1",
        "backend=netvm",
        "colour=blue",
        "bridge",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
        char text[200];

        snprintf(text, sizeof(text), BASE "vif=[\"%s\"]\n", specs[i]);
        expect_refusal(text, "g.cfg:4: vif \"");
    }
    expect_refusal(BASE "vif=['devid=1','']\n", "two have the same devid");
    expect_refusal(BASE "vif=''\n", "must be a list");
    expect_refusal(BASE "vif=['','','','','','','','','']\n", "too many interfaces");
}

static void bad_syntax_names_the_line(void **state)
{
    (void)state;
    expect_refusal("name = demo\n", "g.cfg:1: no value");
    expect_refusal("name = \"demo\nmemory = 3\n", "g.cfg:1: string without an end");
    expect_refusal("\n\nname \"demo\"\n", "g.cfg:3: no =");
    expect_refusal("name = 'a' 'b'\n", "g.cfg:1: something behind the value");
    expect_refusal("disk = [ 'a'\n", "list without an end");
    expect_refusal("memory = 12abc\n", "not a number");
    expect_refusal("= 3\n", "no key here");
    expect_refusal("disk = [[[[[[[[1]]]]]]]]\n", "nested too deep");
    expect_refusal(BASE "vcpus = [1]\n", "g.cfg:4: vcpus: must be a number");
}

static void values_have_bounds(void **state)
{
    (void)state;
    expect_refusal(BASE "vcpus = 0\n", "out of range (use 1 to 128)");
    expect_refusal(BASE "vcpus = 1000\n", "out of range");
    expect_refusal("name='g'\nkernel='k'\nmemory=-5\n", "out of range");
    expect_refusal("name='g'\nkernel='k'\nmemory=99999999999999999999\n", "not a number");
    expect_refusal("name='g'\nkernel='k'\nmemory=9999999999\n", "out of range");
    expect_refusal(BASE "maxmem=32\n", "maxmem is less than memory");
    expect_refusal(BASE "uuid='12'\n", "not a UUID");
    expect_refusal("name='12'\n", "not a usable name");
    expect_refusal("name='a/b'\n", "not a usable name");
    expect_refusal("name='Domain-0'\n", "dom0's");
    expect_refusal("kernel='k'\nmemory=64\n", "no name given");
    expect_refusal("name='g'\nmemory=64\n", "no kernel given");
    expect_refusal("name='g'\nkernel='k'\n", "no memory given");
    expect_refusal(BASE "on_reboot='explode'\n", "unknown action");
}

static void junk_is_called_junk(void **state)
{
    static const char junk[] = "\x7f"
                               "ELF\x02\x01\x01\0\0\0name = 'x'";

    (void)state;
    assert_int_equal(parse_bytes(junk, sizeof(junk), NULL), -EINVAL);
    assert_string_equal(failure.text, "g.cfg: not a text file (a config has lines KEY = VALUE)");
}

static void disks_have_xls_syntax(void **state)
{
    struct disk_config disk;
    struct failure why = { "" };

    (void)state;
    assert_int_equal(disk_config_parse(&disk, "target=/dev/x, vdev=xvdq, access=ro", "w", &why), 0);
    assert_string_equal(disk.target, "/dev/x");
    assert_int_equal(disk.number, 1 << 28 | 16 << 8);
    assert_int_equal(disk_config_parse(&disk, "/dev/x,,hda", "w", &why), 0);
    assert_int_equal(disk.number, 768);
    assert_int_equal(disk_config_parse(&disk, "phy:/dev/x,sda1,r", "w", &why), 0);
    assert_int_equal(disk.number, 8 << 8 | 1);
    assert_int_equal(disk_config_parse(&disk, "file:/data/a:b.img,raw,xvda,w!", "w", &why), 0);
    assert_string_equal(disk.target, "/data/a:b.img");
    assert_true(disk.writable && disk.shared);
    assert_int_equal(disk_config_parse(&disk, "tap2:aio:/data/x.img,xvda,r", "w", &why), 0);
    assert_string_equal(disk.target, "/data/x.img");
    assert_false(disk.writable);
    assert_int_equal(disk_config_parse(&disk, "file:x.img,xvda", "w", &why), 0);
    assert_string_equal(disk.target, "/x.img");
    assert_int_equal(disk_config_parse(&disk, ",raw,xvdb,!,backendtype=qdisk,target=/d", "w", &why),
                     0);
    assert_string_equal(disk.target, "/d");
    assert_true(disk.shared);
    assert_int_equal(disk_config_parse(&disk, "PARTLABEL=x,,xvda,,removable", "w", &why), 0);
    assert_string_equal(disk.target, "PARTLABEL=x");
    static const struct {
        const char *text, *why;
    } bad[] = {
        { "", "no target" },
        { "/d,raw,xvda,w,vdev=xvdb", "twice" },
        { "/d,vdev=xvda,target=/e", "twice" },
        { "tap:qcow2:/d.img,xvda,w", "qemu-img convert" },
        { "nbd:/d.img,xvda,w", "kind of target" },
        { "/d,xvda,r!", "bad access mode" },
        { "/d,vdev=xvda,devtype=cdrom", "CD-ROM" },
        { "/d,xvda,w,backendtype=tap", "backend type" },
        { ",raw,xvda,w", "no target" },
        { "phy:/dev/x", "no name for the guest" },
        { "phy:/dev/x,qcow2,xvda,w", "only the format raw" },
        { "phy:/dev/x,nope,w", "bad device name" },
        { "phy:/dev/x,xvda,q", "bad access mode" },
        { "phy:/dev/x,xvda,w,more", "too many words" },
        { "phy:/dev/x,xvda,w,cdrom", "CD-ROM" },
        { "phy:/dev/x,xvda999,w", "bad device name" },
        { "phy:/dev/x,xvda,script=foo", "scripts are not" },
        { "phy:/dev/x,xvda,nope=foo", "unsupported key" },
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        why.text[0] = '\0';
        assert_int_equal(disk_config_parse(&disk, bad[i].text, "g.cfg:7", &why), -EINVAL);
        if (!strstr(why.text, bad[i].why) || strncmp(why.text, "g.cfg:7", 7) != 0)
            fail_msg("%s: %s", bad[i].text, why.text);
    }
    expect_refusal(BASE "disk=['phy:/dev/a,xvda','phy:/dev/b,xvda']\n", "same name");
}

static void random_bytes_do_no_harm(void **state)
{
    static const char alphabet[] = "abdeknmory=[]'\",\n# 0123456789\\;+";
    char text[200];
    unsigned int seed = 7;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        size_t length = (size_t)rand_r(&seed) % sizeof(text);

        for (size_t j = 0; j < length; j++)
            text[j] = alphabet[(size_t)rand_r(&seed) % (sizeof(alphabet) - 1)];
        if (parse_bytes(text, length, NULL))
            assert_true(failure.text[0]);
    }
}

static void cpus_are_lists(void **state)
{
    (void)state;
    assert_int_equal(parse(BASE "vcpus = 2\ncpus = '0-3,^1, 5'\n"), 0);
    assert_int_equal(domain.cpus[0].word[0], 0x2d);
    assert_int_equal(domain.cpus[1].word[0], 0x2d);
    assert_int_equal(parse(BASE "vcpus = 3\ncpus = ['1', 2]\n"), 0);
    assert_int_equal(domain.cpus[0].word[0], 2);
    assert_int_equal(domain.cpus[1].word[0], 4);
    assert_int_equal(domain.cpus[2].word[0], 0);
    assert_int_equal(parse(BASE "cpus = 'all'\ncap = 0\ncpu_weight = 256\n"), 0);
    for (unsigned int i = 0; i < CPUS_MAX / 64; i++)
        assert_true(domain.cpus[127].word[i] == UINT64_MAX);
    assert_int_equal(parse(BASE "vcpus = 2\ncpus = ['62-65,^64', 255]\n"), 0);
    assert_true(domain.cpus[0].word[0] == 3ULL << 62);
    assert_int_equal(domain.cpus[0].word[1], 2);
    assert_true(domain.cpus[1].word[3] == 1ULL << 63);
    expect_refusal(BASE "cpus = ''\n", "not a list of CPUs");
    expect_refusal(BASE "cpus = '3-1'\n", "not a list of CPUs");
    expect_refusal(BASE "cpus = '0,^0'\n", "not a list of CPUs");
    expect_refusal(BASE "cpus = '256'\n", "not a list of CPUs");
    expect_refusal(BASE "cpus = '3-256'\n", "not a list of CPUs");
    expect_refusal(BASE "cpus = [256]\n", "not a list of CPUs");
    expect_refusal(BASE "cpus = '99999999999999999999'\n", "not a list of CPUs");
    expect_refusal(BASE "cpus = 'nodes:1'\n", "not a list of CPUs");
    expect_refusal(BASE "cpus = [['1']]\n", "not a list of CPUs");
    expect_refusal(BASE "cap = 50\n", "cap: not supported");
    expect_refusal(BASE "cpu_weight = 512\n", "g.cfg:4: cpu_weight: not supported yet");
    expect_refusal(BASE "cpu_weight = '77'\ncap = 50\n",
                   "2 keys cannot be used: cpu_weight (line 4), cap (line 5): not supported yet");
    assert_int_equal(parse(BASE "cpu_weight = 256\n"), 0);
    assert_int_equal(parse(BASE "cpu_weight = '256'\n"), 0);
    expect_refusal(BASE "cpus_soft = '1'\n", "cpus_soft: not supported");
}

/* What would keep dom0's only processor busy is refused for its length. */
static void configs_have_bounds(void **state)
{
    char *text = malloc(1 << 20), *at = text;

    (void)state;
    memset(text, '#', 1 << 20);
    text[(64 << 10) + 1] = '\0';
    expect_refusal(text, "too long");
    at += sprintf(at, BASE);
    for (int i = 0; i < 1025; i++)
        at += sprintf(at, "k%d=1\n", i);
    expect_refusal(text, "too many lines");
    at = text + sprintf(text, BASE "disk = [");
    for (int i = 0; i < 20000; i++)
        at += sprintf(at, "1,");
    sprintf(at, "]\n");
    expect_refusal(text, "too many disks");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_syntax_is_read),
        cmocka_unit_test(page_table_modes_are_named_by_key_or_kernel),
        cmocka_unit_test(cmdline_outranks_root_and_extra),
        cmocka_unit_test(lists_and_strings_grow_with_plus),
        cmocka_unit_test(unknown_keys_name_the_nearest),
        cmocka_unit_test(all_unusable_keys_are_named_at_once),
        cmocka_unit_test(a_common_config_works_unchanged),
        cmocka_unit_test(vcpus_are_made_and_brought_online),
        cmocka_unit_test(time_stamp_counters),
        cmocka_unit_test(words_of_the_command_line_are_blamed_as_such),
        cmocka_unit_test(harmless_keys_are_noticed_others_refused),
        cmocka_unit_test(a_guest_boots_its_own_kernel),
        cmocka_unit_test(interfaces),
        cmocka_unit_test(bad_interfaces),
        cmocka_unit_test(bad_syntax_names_the_line),
        cmocka_unit_test(values_have_bounds),
        cmocka_unit_test(junk_is_called_junk),
        cmocka_unit_test(disks_have_xls_syntax),
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(cpus_are_lists),
        cmocka_unit_test(configs_have_bounds),
    };

    return cmocka_run_group_tests_name("vmctl-config", tests, NULL, NULL);
}

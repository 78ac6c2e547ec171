#include "eventlog/uefi/device_path.h"
#include "base/reader.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "base/writer.h"

enum { END_TYPE = 0x7f, END_WHOLE = 0xff, END_INSTANCE = 0x01, NODE_HEADER = 4, MEDIA = 4, FILE_PATH = 4 };

/* EFI_DEVICE_PATH_PROTOCOL: u8 type, u8 subtype, u16le length with the header. */
bool device_path_next(struct bytes *path, struct device_path_node *ret, bool *ret_sound)
{
    struct reader r = reader_over(*path);
    uint16_t len;

    *ret_sound = true;
    if (path->len == 0)
        return false;
    *ret_sound = false;
    if (!read_u8(&r, &ret->type) || !read_u8(&r, &ret->subtype) || !read_u16le(&r, &len) || len < NODE_HEADER)
        return false;
    if (!read_bytes(&r, len - NODE_HEADER, &ret->data))
        return false;
    *ret_sound = true;
    if (ret->type == END_TYPE && ret->subtype == END_WHOLE)
        return false;
    *path = r.rest;
    return true;
}

/* Where text goes; names of files and strings of the path need the arena for a moment. */
struct printer {
    struct writer *w;
    struct arena *a;
};

static void print_hex(struct printer *p, struct bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        write_printf(p->w, "%02x", b.data[i]);
}

static void print_guid(struct printer *p, struct bytes guid)
{
    char text[UUID_TEXT_LEN];

    guid_format(guid.data, text);
    for (char *c = text; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'f' ? *c - 'a' + 'A' : *c);
    write_string(p->w, text);
}

static bool print_text(struct printer *p, const char *text)
{
    char *safe = text ? text_for_people(p->a, bytes_of_string(text)) : NULL;

    if (!safe)
        return false;
    write_string(p->w, safe);
    return true;
}

static bool print_utf16(struct printer *p, struct bytes utf16)
{
    bool clean;

    return print_text(p, utf8_from_utf16le(p->a, utf16, &clean));
}

static bool print_bytes(struct printer *p, struct bytes text)
{
    char *safe = text_for_people(p->a, text);

    if (!safe)
        return false;
    write_string(p->w, safe);
    return true;
}

/* Each printer returns false when the node's content does not fit its type (or memory is out): the caller then prints
 * Path(type,subtype,hex). Nothing is written before the content has been read. */
static bool print_pci(struct printer *p, struct reader *r)
{
    uint8_t function, device;

    if (!read_u8(r, &function) || !read_u8(r, &device) || !reader_done(r))
        return false;
    write_printf(p->w, "Pci(0x%X,0x%X)", device, function);
    return true;
}

static bool print_pc_card(struct printer *p, struct reader *r)
{
    uint8_t function;

    if (!read_u8(r, &function) || !reader_done(r))
        return false;
    write_printf(p->w, "PcCard(0x%X)", function);
    return true;
}

static bool print_memory(struct printer *p, struct reader *r)
{
    uint32_t type;
    uint64_t start, end;

    if (!read_u32le(r, &type) || !read_u64le(r, &start) || !read_u64le(r, &end) || !reader_done(r))
        return false;
    write_printf(p->w, "MemoryMapped(0x%X,0x%llX,0x%llX)", type, (unsigned long long)start, (unsigned long long)end);
    return true;
}

static bool print_vendor(struct printer *p, struct reader *r, const char *name)
{
    struct bytes guid;

    if (!read_bytes(r, UUID_LEN, &guid))
        return false;
    write_printf(p->w, "%s(", name);
    print_guid(p, guid);
    if (!reader_done(r))
        write_string(p->w, ",");
    print_hex(p, r->rest);
    write_string(p->w, ")");
    return true;
}

static bool print_vendor_hardware(struct printer *p, struct reader *r) { return print_vendor(p, r, "VenHw"); }

static bool print_vendor_message(struct printer *p, struct reader *r) { return print_vendor(p, r, "VenMsg"); }

static bool print_vendor_media(struct printer *p, struct reader *r) { return print_vendor(p, r, "VenMedia"); }

static bool print_controller(struct printer *p, struct reader *r)
{
    uint32_t number;

    if (!read_u32le(r, &number) || !reader_done(r))
        return false;
    write_printf(p->w, "Ctrl(0x%X)", number);
    return true;
}

/* EISA ids: three letters of five bits, big-endian, then four hexadecimal digits; PNP for all that firmware uses. */
static bool print_acpi(struct printer *p, struct reader *r)
{
    static const struct {
        uint16_t number;
        const char *name;
    } known[] = { { 0x0a03, "PciRoot" },  { 0x0a08, "PcieRoot" }, { 0x0604, "Floppy" },
                  { 0x0301, "Keyboard" }, { 0x0501, "Serial" },   { 0x0401, "ParallelPort" } };
    uint32_t hid, uid;

    if (!read_u32le(r, &hid) || !read_u32le(r, &uid) || !reader_done(r))
        return false;
    if ((hid & 0xffff) != 0x41d0) {
        write_printf(p->w, "Acpi(0x%08X,0x%X)", hid, uid);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].number == hid >> 16) {
            write_printf(p->w, "%s(0x%X)", known[i].name, uid);
            return true;
        }
    write_printf(p->w, "Acpi(PNP%04X,0x%X)", hid >> 16, uid);
    return true;
}

static bool print_acpi_address(struct printer *p, struct reader *r)
{
    uint32_t address;

    if (r->rest.len == 0 || r->rest.len % 4 != 0)
        return false;
    write_string(p->w, "AcpiAdr(");
    for (const char *comma = ""; read_u32le(r, &address); comma = ",")
        write_printf(p->w, "%s0x%X", comma, address);
    write_string(p->w, ")");
    return true;
}

static bool print_ata(struct printer *p, struct reader *r)
{
    uint8_t secondary, slave;
    uint16_t lun;

    if (!read_u8(r, &secondary) || !read_u8(r, &slave) || !read_u16le(r, &lun) || !reader_done(r))
        return false;
    write_printf(p->w, "Ata(%s,%s,0x%X)", secondary ? "Secondary" : "Primary", slave ? "Slave" : "Master", lun);
    return true;
}

static bool print_scsi(struct printer *p, struct reader *r)
{
    uint16_t target, lun;

    if (!read_u16le(r, &target) || !read_u16le(r, &lun) || !reader_done(r))
        return false;
    write_printf(p->w, "Scsi(0x%X,0x%X)", target, lun);
    return true;
}

static bool print_fibre(struct printer *p, struct reader *r)
{
    uint32_t reserved;
    uint64_t name, lun;

    if (!read_u32le(r, &reserved) || !read_u64le(r, &name) || !read_u64le(r, &lun) || !reader_done(r))
        return false;
    write_printf(p->w, "Fibre(0x%llX,0x%llX)", (unsigned long long)name, (unsigned long long)lun);
    return true;
}

static bool print_usb(struct printer *p, struct reader *r)
{
    uint8_t port, interface;

    if (!read_u8(r, &port) || !read_u8(r, &interface) || !reader_done(r))
        return false;
    write_printf(p->w, "USB(0x%X,0x%X)", port, interface);
    return true;
}

static bool print_usb_class(struct printer *p, struct reader *r)
{
    uint16_t vendor, product;
    uint8_t class, subclass, protocol;

    if (!read_u16le(r, &vendor) || !read_u16le(r, &product) || !read_u8(r, &class) || !read_u8(r, &subclass) || !read_u8(r, &protocol) ||
        !reader_done(r))
        return false;
    write_printf(p->w, "UsbClass(0x%X,0x%X,0x%X,0x%X,0x%X)", vendor, product, class, subclass, protocol);
    return true;
}

static bool print_usb_wwid(struct printer *p, struct reader *r)
{
    uint16_t interface, vendor, product;

    if (!read_u16le(r, &interface) || !read_u16le(r, &vendor) || !read_u16le(r, &product))
        return false;
    write_printf(p->w, "UsbWwid(0x%X,0x%X,0x%X,\"", vendor, product, interface);
    print_utf16(p, r->rest);
    write_string(p->w, "\")");
    return true;
}

static bool print_unit(struct printer *p, struct reader *r)
{
    uint8_t lun;

    if (!read_u8(r, &lun) || !reader_done(r))
        return false;
    write_printf(p->w, "Unit(0x%X)", lun);
    return true;
}

static bool print_sata(struct printer *p, struct reader *r)
{
    uint16_t port, multiplier, lun;

    if (!read_u16le(r, &port) || !read_u16le(r, &multiplier) || !read_u16le(r, &lun) || !reader_done(r))
        return false;
    write_printf(p->w, "Sata(0x%X,0x%X,0x%X)", port, multiplier, lun);
    return true;
}

/* 32 bytes, of which six count for the usual interface types. */
static bool print_mac(struct printer *p, struct reader *r)
{
    struct bytes address;
    uint8_t type;

    if (!read_bytes(r, 32, &address) || !read_u8(r, &type) || !reader_done(r))
        return false;
    write_string(p->w, "MAC(");
    print_hex(p, bytes_slice(address, 0, type <= 1 ? 6 : address.len));
    write_printf(p->w, ",0x%X)", type);
    return true;
}

static bool print_ipv4(struct printer *p, struct reader *r)
{
    struct bytes local, remote, rest;
    uint16_t local_port, remote_port, protocol;
    uint8_t is_static;

    if (!read_bytes(r, 4, &local) || !read_bytes(r, 4, &remote) || !read_u16le(r, &local_port) || !read_u16le(r, &remote_port) ||
        !read_u16le(r, &protocol) || !read_u8(r, &is_static))
        return false;
    rest = read_rest(r);
    if (rest.len != 0 && rest.len != 8) /* gateway and mask came later */
        return false;
    write_printf(p->w, "IPv4(%u.%u.%u.%u,", remote.data[0], remote.data[1], remote.data[2], remote.data[3]);
    write_printf(p->w, protocol == 6 ? "TCP" : protocol == 17 ? "UDP" : "0x%X", protocol);
    write_printf(p->w, ",%s,%u.%u.%u.%u", is_static ? "Static" : "DHCP", local.data[0], local.data[1], local.data[2], local.data[3]);
    if (rest.len)
        write_printf(p->w, ",%u.%u.%u.%u,%u.%u.%u.%u", rest.data[0], rest.data[1], rest.data[2], rest.data[3], rest.data[4], rest.data[5],
                     rest.data[6], rest.data[7]);
    write_string(p->w, ")");
    return true;
}

static void print_ipv6_address(struct printer *p, struct bytes address)
{
    for (size_t i = 0; i < 16; i += 2)
        write_printf(p->w, "%s%02X%02X", i ? ":" : "", address.data[i], address.data[i + 1]);
}

static bool print_ipv6(struct printer *p, struct reader *r)
{
    static const char *const origins[] = { "Static", "StatelessAutoConfigure", "StatefulAutoConfigure" };
    struct bytes local, remote, rest;
    uint16_t local_port, remote_port, protocol;
    uint8_t origin;

    if (!read_bytes(r, 16, &local) || !read_bytes(r, 16, &remote) || !read_u16le(r, &local_port) || !read_u16le(r, &remote_port) ||
        !read_u16le(r, &protocol) || !read_u8(r, &origin) || origin >= ARRAY_LEN(origins))
        return false;
    rest = read_rest(r);
    if (rest.len != 0 && rest.len != 17)
        return false;
    write_string(p->w, "IPv6(");
    print_ipv6_address(p, remote);
    write_printf(p->w, protocol == 6 ? ",TCP" : protocol == 17 ? ",UDP" : ",0x%X", protocol);
    write_printf(p->w, ",%s,", origins[origin]);
    print_ipv6_address(p, local);
    write_string(p->w, ")");
    return true;
}

static bool print_uart(struct printer *p, struct reader *r)
{
    static const char parities[] = "DNEOMS";
    static const char *const stops[] = { "D", "1", "1.5", "2" };
    uint32_t reserved;
    uint64_t baud;
    uint8_t bits, parity, stop;

    if (!read_u32le(r, &reserved) || !read_u64le(r, &baud) || !read_u8(r, &bits) || !read_u8(r, &parity) || !read_u8(r, &stop) ||
        !reader_done(r) || parity >= sizeof parities - 1 || stop >= ARRAY_LEN(stops))
        return false;
    write_printf(p->w, "Uart(%llu,%u,%c,%s)", (unsigned long long)baud, bits, parities[parity], stops[stop]);
    return true;
}

static bool print_vlan(struct printer *p, struct reader *r)
{
    uint16_t id;

    if (!read_u16le(r, &id) || !reader_done(r))
        return false;
    write_printf(p->w, "Vlan(%u)", id);
    return true;
}

static bool print_nvme(struct printer *p, struct reader *r)
{
    uint32_t namespace;
    struct bytes eui;

    if (!read_u32le(r, &namespace) || !read_bytes(r, 8, &eui) || !reader_done(r))
        return false;
    write_printf(p->w, "NVMe(0x%X,", namespace);
    for (size_t i = 8; i-- > 0;)
        write_printf(p->w, "%02X%s", eui.data[i], i ? "-" : ")");
    return true;
}

static bool print_uri(struct printer *p, struct reader *r)
{
    write_string(p->w, "Uri(");
    print_bytes(p, r->rest);
    write_string(p->w, ")");
    return true;
}

static bool print_slot(struct printer *p, struct reader *r, const char *name)
{
    uint8_t slot;

    if (!read_u8(r, &slot) || !reader_done(r))
        return false;
    write_printf(p->w, "%s(0x%X)", name, slot);
    return true;
}

static bool print_sd(struct printer *p, struct reader *r) { return print_slot(p, r, "SD"); }

static bool print_emmc(struct printer *p, struct reader *r) { return print_slot(p, r, "eMMC"); }

static bool print_ufs(struct printer *p, struct reader *r)
{
    uint8_t target, lun;

    if (!read_u8(r, &target) || !read_u8(r, &lun) || !reader_done(r))
        return false;
    write_printf(p->w, "UFS(0x%X,0x%X)", target, lun);
    return true;
}

static bool print_bluetooth(struct printer *p, struct reader *r)
{
    struct bytes address;

    if (!read_bytes(r, 6, &address) || !reader_done(r))
        return false;
    write_string(p->w, "Bluetooth(");
    print_hex(p, address);
    write_string(p->w, ")");
    return true;
}

static bool print_wifi(struct printer *p, struct reader *r)
{
    struct bytes ssid;

    if (!read_bytes(r, 32, &ssid) || !reader_done(r))
        return false;
    while (ssid.len && ssid.data[ssid.len - 1] == 0)
        ssid.len--;
    write_string(p->w, "Wi-Fi(");
    print_bytes(p, ssid);
    write_string(p->w, ")");
    return true;
}

/* HARDDRIVE_DEVICE_PATH: the signature is a GUID, or an MBR serial in its first four bytes. */
static bool print_hard_drive(struct printer *p, struct reader *r)
{
    uint32_t partition;
    uint64_t start, size;
    struct bytes signature;
    uint8_t format, signature_type;

    if (!read_u32le(r, &partition) || !read_u64le(r, &start) || !read_u64le(r, &size) || !read_bytes(r, UUID_LEN, &signature) ||
        !read_u8(r, &format) || !read_u8(r, &signature_type) || !reader_done(r))
        return false;
    write_printf(p->w, "HD(%u,", partition);
    if (signature_type == 2) {
        write_string(p->w, "GPT,");
        print_guid(p, signature);
    } else if (signature_type == 1) {
        write_printf(p->w, "MBR,0x%02X%02X%02X%02X", signature.data[3], signature.data[2], signature.data[1], signature.data[0]);
    } else {
        write_printf(p->w, "%u,", signature_type);
        print_hex(p, signature);
    }
    write_printf(p->w, ",0x%llX,0x%llX)", (unsigned long long)start, (unsigned long long)size);
    return true;
}

static bool print_cdrom(struct printer *p, struct reader *r)
{
    uint32_t entry;
    uint64_t start, size;

    if (!read_u32le(r, &entry) || !read_u64le(r, &start) || !read_u64le(r, &size) || !reader_done(r))
        return false;
    write_printf(p->w, "CDROM(0x%X,0x%llX,0x%llX)", entry, (unsigned long long)start, (unsigned long long)size);
    return true;
}

static bool print_file(struct printer *p, struct reader *r) { return r->rest.len % 2 == 0 && print_utf16(p, r->rest); }

static bool print_guid_node(struct printer *p, struct reader *r, const char *name)
{
    struct bytes guid;

    if (!read_bytes(r, UUID_LEN, &guid) || !reader_done(r))
        return false;
    write_printf(p->w, "%s(", name);
    print_guid(p, guid);
    write_string(p->w, ")");
    return true;
}

static bool print_media(struct printer *p, struct reader *r) { return print_guid_node(p, r, "Media"); }

static bool print_fv_file(struct printer *p, struct reader *r) { return print_guid_node(p, r, "FvFile"); }

static bool print_fv(struct printer *p, struct reader *r) { return print_guid_node(p, r, "Fv"); }

static bool print_offset(struct printer *p, struct reader *r)
{
    uint32_t reserved;
    uint64_t start, end;

    if (!read_u32le(r, &reserved) || !read_u64le(r, &start) || !read_u64le(r, &end) || !reader_done(r))
        return false;
    write_printf(p->w, "Offset(0x%llX,0x%llX)", (unsigned long long)start, (unsigned long long)end);
    return true;
}

static bool print_ram_disk(struct printer *p, struct reader *r)
{
    uint64_t start, end;
    struct bytes guid;
    uint16_t instance;

    if (!read_u64le(r, &start) || !read_u64le(r, &end) || !read_bytes(r, UUID_LEN, &guid) || !read_u16le(r, &instance) || !reader_done(r))
        return false;
    write_printf(p->w, "RamDisk(0x%llX,0x%llX,%u,", (unsigned long long)start, (unsigned long long)end, instance);
    print_guid(p, guid);
    write_string(p->w, ")");
    return true;
}

static bool print_bbs(struct printer *p, struct reader *r)
{
    uint16_t type, flags;
    struct bytes text;

    if (!read_u16le(r, &type) || !read_u16le(r, &flags))
        return false;
    text = read_rest(r);
    while (text.len && text.data[text.len - 1] == 0)
        text.len--;
    write_printf(p->w, "BBS(0x%X,", type);
    print_bytes(p, text);
    write_printf(p->w, ",0x%X)", flags);
    return true;
}

/* clang-format off */
static const struct {
    uint8_t type, subtype;
    bool (*print)(struct printer *p, struct reader *r);
} nodes[] = {
    { 1, 1, print_pci },       { 1, 2, print_pc_card },   { 1, 3, print_memory },     { 1, 4, print_vendor_hardware }, { 1, 5, print_controller },
    { 2, 1, print_acpi },      { 2, 3, print_acpi_address },
    { 3, 1, print_ata },       { 3, 2, print_scsi },      { 3, 3, print_fibre },      { 3, 5, print_usb },             { 3, 10, print_vendor_message },
    { 3, 11, print_mac },      { 3, 12, print_ipv4 },     { 3, 13, print_ipv6 },      { 3, 14, print_uart },           { 3, 15, print_usb_class },
    { 3, 16, print_usb_wwid }, { 3, 17, print_unit },     { 3, 18, print_sata },      { 3, 20, print_vlan },           { 3, 23, print_nvme },
    { 3, 24, print_uri },      { 3, 25, print_ufs },      { 3, 26, print_sd },        { 3, 27, print_bluetooth },      { 3, 28, print_wifi },
    { 3, 29, print_emmc },
    { 4, 1, print_hard_drive },{ 4, 2, print_cdrom },     { 4, 3, print_vendor_media },{ 4, 4, print_file },           { 4, 5, print_media },
    { 4, 6, print_fv_file },   { 4, 7, print_fv },        { 4, 8, print_offset },     { 4, 9, print_ram_disk },
    { 5, 1, print_bbs },
};
/* clang-format on */

static void print_node(struct printer *p, const struct device_path_node *node)
{
    size_t before = p->w->len;

    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        struct reader r = reader_over(node->data);
        if (nodes[i].type == node->type && nodes[i].subtype == node->subtype && nodes[i].print(p, &r))
            return;
    }
    p->w->len = before;
    write_printf(p->w, "Path(%u,%u", node->type, node->subtype);
    if (node->data.len)
        write_string(p->w, ",");
    print_hex(p, node->data);
    write_string(p->w, ")");
}

bool device_path_text(struct arena *a, struct bytes path, char **ret, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct printer p = { &w, a };
    struct device_path_node node;
    const char *between = "";
    size_t n = 0;
    bool sound;

    for (; device_path_next(&path, &node, &sound); n++) {
        if (node.type == END_TYPE && node.subtype == END_INSTANCE) {
            between = ",";
        } else {
            write_string(&w, between);
            between = "/";
            print_node(&p, &node);
        }
    }
    if (!sound)
        return err_set(err, ERR_TRUNCATED, "device path node %zu is longer than what is left (%zu bytes)", n, path.len);
    *ret = writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
    return *ret ? true : err_set(err, ERR_NO_MEMORY, "no memory for a device path");
}

char *device_path_file(struct arena *a, struct bytes path)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct device_path_node node;
    bool sound, clean;

    while (device_path_next(&path, &node, &sound)) {
        char *name;
        if (node.type != MEDIA || node.subtype != FILE_PATH)
            continue;
        name = utf8_from_utf16le(a, node.data, &clean);
        if (!name)
            return NULL;
        if (w.len && w.data[w.len - 1] != '\\' && name[0] != '\\')
            write_string(&w, "\\");
        write_string(&w, name);
    }
    return writer_ok(&w) ? text_for_people(a, writer_bytes(&w)) : NULL;
}

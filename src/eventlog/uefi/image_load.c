#include "eventlog/uefi/image_load.h"
#include "base/reader.h"

bool image_load_parse(struct bytes data, struct image_load *ret, struct err *err)
{
    struct reader r = reader_over(data);
    struct image_load image;
    uint64_t path_len;

    if (!read_u64le(&r, &image.address) || !read_u64le(&r, &image.length) || !read_u64le(&r, &image.link_time_address) ||
        !read_u64le(&r, &path_len))
        return err_set(err, ERR_TRUNCATED, "image load event at offset %zu", r.offset);
    if (path_len > r.rest.len || !read_bytes(&r, (size_t)path_len, &image.device_path))
        return err_set(err, ERR_TRUNCATED, "device path of %llu bytes at offset %zu", (unsigned long long)path_len, r.offset);
    image.excess = read_rest(&r);
    *ret = image;
    return true;
}

/* base/compiler.h: the few words of compiler dialect that the rest of the tree uses. */
#pragma once
#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#ifdef __MINGW32__ /* our formats are those of C99; "printf" means there what an old Windows library understands */
#define PRINTF_LIKE(fmt, args) __attribute__((format(gnu_printf, fmt, args)))
#else
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#endif
#define UNUSED       __attribute__((unused))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* CLEANUP(f) struct x *x: f(&x) runs when x leaves its scope. TAKE(x) hands x over and leaves NULL. */
#define CLEANUP(f) __attribute__((cleanup(f)))
#define TAKE(p)                     \
    __extension__({                 \
        __typeof__(p) taken_ = (p); \
        (p) = NULL;                 \
        taken_;                     \
    })

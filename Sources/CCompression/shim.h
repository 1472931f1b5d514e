#ifndef LAZARET_CCOMPRESSION_SHIM_H
#define LAZARET_CCOMPRESSION_SHIM_H

#include <string.h>
#include <zlib.h>
#include <zstd.h>

/// `inflateInit2` is a macro, which Swift does not import; 15 + 16 selects the gzip format.
static inline int lazaret_gunzip_init(z_stream *stream) {
    memset(stream, 0, sizeof *stream);
    return inflateInit2(stream, 15 + 16);
}

#endif

#ifndef LAZARET_CSQLITE_SHIM_H
#define LAZARET_CSQLITE_SHIM_H

#include <sqlite3.h>

/// SQLite copies the text at once; the constant is a cast, which Swift does not import.
static inline int lazaret_bind_text(sqlite3_stmt *statement, int index, const char *text, int count) {
    return sqlite3_bind_text(statement, index, text, count, SQLITE_TRANSIENT);
}

/// The same for bytes; no bytes are stored as an empty value and not as NULL.
static inline int lazaret_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int count) {
    return count == 0 ? sqlite3_bind_zeroblob(statement, index, 0)
                      : sqlite3_bind_blob(statement, index, bytes, count, SQLITE_TRANSIENT);
}

#endif

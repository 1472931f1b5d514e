#ifndef LAZARET_CMEMORY_SHIM_H
#define LAZARET_CMEMORY_SHIM_H

#include <malloc.h>

/// Returns free pages of the heap to the system (malloc_trim(3)).
static inline void lazaret_trim_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

#endif

#ifndef LAZARET_CMEMORY_SHIM_H
#define LAZARET_CMEMORY_SHIM_H

#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>

/// Returns free pages of the heap to the system (malloc_trim(3)).
static inline void lazaret_trim_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

/// Extends the heap by `size` bytes of address space that may use huge pages (madvise(2)), and
/// lets all threads and blocks of any size use it. The memory is used only where it is written to.
static inline void lazaret_prefer_huge_pages(size_t size, size_t page) {
#if defined(__GLIBC__) && defined(MADV_HUGEPAGE)
    mallopt(M_ARENA_MAX, 1);
    // Neither maps blocks apart from the heap, nor gives its end back when it is free.
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, -1);
    void *reserve = malloc(size);
    if (!reserve) return;
    uintptr_t start = ((uintptr_t)reserve + page - 1) & ~(page - 1);
    madvise((void *)start, (size_t)((uintptr_t)reserve + size - start), MADV_HUGEPAGE);
    free(reserve);
#endif
}

#endif

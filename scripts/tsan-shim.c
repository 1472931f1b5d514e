// Reports synchronization in Swift's libraries on Linux to ThreadSanitizer; loaded before them by scripts/sanitize.sh.
//
// The libraries are not instrumented. A contended Mutex waits and wakes in libswiftSynchronization, so accesses by two threads
// under the lock would be reported as a race. The runtime reports tasks that move between threads to ThreadSanitizer only after
// a call that does not reach it on Linux, where the program's own definition of the function takes precedence.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

typedef SWIFT void (*locker)(uint32_t, SELF void *);
typedef SWIFT void (*unlocker)(SELF void *);

// Programs that a test starts load it too, with or without ThreadSanitizer.
extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

// The fast paths are atomics in the program itself, at the same address.
SWIFT void lock_slow(uint32_t thread, SELF void *word) __asm__(LOCK);
SWIFT void lock_slow(uint32_t thread, SELF void *word) {
    ((locker)dlsym(RTLD_NEXT, LOCK))(thread, word);
    if (__tsan_acquire) __tsan_acquire(word);
}

SWIFT void unlock_slow(SELF void *word) __asm__(UNLOCK);
SWIFT void unlock_slow(SELF void *word) {
    if (__tsan_release) __tsan_release(word);
    ((unlocker)dlsym(RTLD_NEXT, UNLOCK))(word);
}

__attribute__((constructor)) static void begin(void) {
    void (*tell)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "__tsan_on_initialize");
    if (tell) tell();
}

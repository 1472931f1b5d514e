#ifndef LAZARET_CPRIVILEGES_SHIM_H
#define LAZARET_CPRIVILEGES_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Each returns 0, or errno.

/// Sets the calling thread's permitted and effective capabilities, and none inheritable; bit n is capability n.
static inline int lazaret_set_capabilities(uint64_t capabilities) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {
        {(uint32_t)capabilities, (uint32_t)capabilities, 0},
        {(uint32_t)(capabilities >> 32), (uint32_t)(capabilities >> 32), 0},
    };
    return syscall(SYS_capset, &header, data) == 0 ? 0 : errno;
}

/// Reads the calling thread's effective capabilities.
static inline int lazaret_get_capabilities(uint64_t *capabilities) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
    if (syscall(SYS_capget, &header, data) != 0) return errno;
    *capabilities = (uint64_t)data[1].effective << 32 | data[0].effective;
    return 0;
}

/// Removes all capabilities except `kept` from the bounding set.
static inline int lazaret_cut_bounding_set(uint64_t kept) {
    for (int number = 0; number < 64; number++) {
        if (kept >> number & 1) continue;
        if (prctl(PR_CAPBSET_READ, number, 0, 0, 0) != 1) continue;
        if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0) return errno;
    }
    return 0;
}

/// Sets whether permitted capabilities are kept when the thread changes to another user.
static inline int lazaret_keep_capabilities(int keeps) {
    return prctl(PR_SET_KEEPCAPS, keeps, 0, 0, 0) == 0 ? 0 : errno;
}

/// Sets the user and group that the calling thread accesses files as; its other rights do not
/// change.
static inline int lazaret_use_files_as(uint32_t user, uint32_t group) {
    setfsgid(group);
    setfsuid(user);
    // Both return the previous value, and -1 changes nothing.
    return (uint32_t)setfsuid((uid_t)-1) == user && (uint32_t)setfsgid((gid_t)-1) == group ? 0 : EPERM;
}

// glibc declares these for GNU programs only.
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *, const char *);

/// Has a new program start in `folder`, without descriptors from `first` on.
static inline int lazaret_spawn_clean(
    posix_spawn_file_actions_t *actions, const char *folder, int first) {
    int failure = posix_spawn_file_actions_addclosefrom_np(actions, first);
    return failure ? failure : posix_spawn_file_actions_addchdir_np(actions, folder);
}

/// Makes a pipe that other programs do not inherit.
static inline int lazaret_make_pipe(int *reader, int *writer) {
    int ends[2];
    if (syscall(SYS_pipe2, ends, O_CLOEXEC) != 0) return errno;
    *reader = ends[0];
    *writer = ends[1];
    return 0;
}

/// Closes every descriptor from `first` on.
static inline int lazaret_close_from(unsigned first) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, first, ~0U, 0) == 0) return 0;
    if (errno != ENOSYS) return errno;
#endif
    long limit = sysconf(_SC_OPEN_MAX);
    for (long number = first; number < limit; number++) close((int)number);
    return 0;
}

/// Prevents programs that are executed from gaining privileges.
static inline int lazaret_no_new_privileges(void) {
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return errno;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno;
}

#endif

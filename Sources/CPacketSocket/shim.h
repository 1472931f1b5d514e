#ifndef LAZARET_CPACKETSOCKET_SHIM_H
#define LAZARET_CPACKETSOCKET_SHIM_H

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/// Whether the kernel has handed the block over; if so, the kernel's writes to it are visible.
static inline int lazaret_block_is_ready(const struct tpacket_block_desc *block) {
    return (__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) != 0;
}

/// Returns the block to the kernel; none of its bytes may be read any more.
static inline void lazaret_block_release(struct tpacket_block_desc *block) {
    __atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

// These queries use a capture's own socket, and so need no further descriptor.

/// The number of the interface that a packet socket is bound to (packet(7)); 0 for any other socket.
static inline unsigned int lazaret_bound_interface(int socket) {
    struct sockaddr_ll address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    if (getsockname(socket, (struct sockaddr *)&address, &size) != 0) return 0;
    return address.sll_family == AF_PACKET ? (unsigned int)address.sll_ifindex : 0;
}

/// The current number of the interface with a name (netdevice(7)); 0, with errno set, on failure.
static inline unsigned int lazaret_interface_number(int socket, const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    return ioctl(socket, SIOCGIFINDEX, &request) == 0 ? (unsigned int)request.ifr_ifindex : 0;
}

/// Whether an interface is down; 0 where that is unknown.
static inline int lazaret_interface_is_down(int socket, const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    return ioctl(socket, SIOCGIFFLAGS, &request) == 0 && !(request.ifr_flags & IFF_UP);
}

#endif

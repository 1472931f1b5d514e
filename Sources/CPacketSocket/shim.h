#ifndef LAZARET_CPACKETSOCKET_SHIM_H
#define LAZARET_CPACKETSOCKET_SHIM_H

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/// Whether the kernel has handed the block over; what it wrote before is visible afterwards.
static inline int lazaret_block_is_ready(const struct tpacket_block_desc *block) {
    return (__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) != 0;
}

/// Gives the block back to the kernel; no byte of it may be read any more.
static inline void lazaret_block_release(struct tpacket_block_desc *block) {
    __atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

// What is asked of a capture's own socket needs no further descriptor.

/// The number of the interface that a packet socket is bound to (packet(7)); 0 for any other socket.
static inline unsigned int lazaret_bound_interface(int socket) {
    struct sockaddr_ll address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    if (getsockname(socket, (struct sockaddr *)&address, &size) != 0) return 0;
    return address.sll_family == AF_PACKET ? (unsigned int)address.sll_ifindex : 0;
}

/// The number of the interface that has a name now (netdevice(7)); 0 and errno where it fails.
static inline unsigned int lazaret_interface_number(int socket, const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    return ioctl(socket, SIOCGIFINDEX, &request) == 0 ? (unsigned int)request.ifr_ifindex : 0;
}

/// Whether an interface is taken down; 0 where that cannot be told.
static inline int lazaret_interface_is_down(int socket, const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
    return ioctl(socket, SIOCGIFFLAGS, &request) == 0 && !(request.ifr_flags & IFF_UP);
}

#endif

#ifndef LAZARET_CPACKETSOCKET_SHIM_H
#define LAZARET_CPACKETSOCKET_SHIM_H

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

/// Whether the kernel has handed the block over; what it wrote before is visible afterwards.
static inline int lazaret_block_is_ready(const struct tpacket_block_desc *block) {
    return (__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) != 0;
}

/// Gives the block back to the kernel; no byte of it may be read any more.
static inline void lazaret_block_release(struct tpacket_block_desc *block) {
    __atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

#endif

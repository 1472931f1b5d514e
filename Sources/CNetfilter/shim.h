#ifndef LAZARET_CNETFILTER_SHIM_H
#define LAZARET_CNETFILTER_SHIM_H

// libnftnl pulls in linux/in.h, which clashes with glibc's netinet/in.h in a program that also
// imports libpcap; including glibc's first avoids this.
#include <netinet/in.h>
#include <libmnl/libmnl.h>
#include <libnftnl/batch.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <linux/neighbour.h>

#endif

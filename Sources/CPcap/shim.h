#ifndef LAZARET_CPCAP_SHIM_H
#define LAZARET_CPCAP_SHIM_H

#include <pcap/pcap.h>

#endif

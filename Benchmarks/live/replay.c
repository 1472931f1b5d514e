// replay INTERFACE FILE RATE SECONDS: sends the frames of a pcap file again and again for so many seconds, RATE a second
// (0: as fast as it goes), past the queueing discipline. Writes: frames, frames a second.
//   cc -O2 -o replay replay.c -lpcap
#define _GNU_SOURCE
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

int main(int count, char **words) {
    if (count != 5) return fprintf(stderr, "replay INTERFACE FILE RATE SECONDS\n"), 2;
    char text[PCAP_ERRBUF_SIZE];
    pcap_t *file = pcap_open_offline(words[2], text);
    if (!file) return fprintf(stderr, "%s\n", text), 1;
    struct iovec *frames = NULL;
    size_t total = 0, room = 0;
    struct pcap_pkthdr *header;
    const u_char *bytes;
    while (pcap_next_ex(file, &header, &bytes) == 1) {
        if (total == room) frames = realloc(frames, (room = room ? room * 2 : 4096) * sizeof *frames);
        if (!frames || !(frames[total].iov_base = malloc(header->caplen))) return 1;
        memcpy(frames[total].iov_base, bytes, header->caplen);
        frames[total++].iov_len = header->caplen;
    }
    int line = socket(AF_PACKET, SOCK_RAW, 0), on = 1;
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(words[1])};
    if (!total || line < 0 || bind(line, (struct sockaddr *)&address, sizeof address)) return perror(words[1]), 1;
    setsockopt(line, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
    double rate = atof(words[3]), start = now(), end = start + atof(words[4]), time = start;
    unsigned long sent = 0, next = 0;
    struct mmsghdr batch[BATCH];
    memset(batch, 0, sizeof batch);
    while ((time = now()) < end) {
        if (rate > 0 && sent >= (time - start) * rate) {
            struct timespec pause = {0, 20000};
            nanosleep(&pause, NULL);
            continue;
        }
        unsigned long ready = BATCH, due = rate > 0 ? (unsigned long)((time - start) * rate) - sent + 1 : BATCH;
        if (due < ready) ready = due;
        for (unsigned long index = 0; index < ready; index++) {
            batch[index].msg_hdr.msg_iov = &frames[(next + index) % total];
            batch[index].msg_hdr.msg_iovlen = 1;
        }
        int done = sendmmsg(line, batch, (unsigned)ready, 0);
        if (done > 0) sent += (unsigned long)done, next = (next + (unsigned long)done) % total;
    }
    return printf("%lu %.0f\n", sent, sent / (now() - start)) < 0;
}

// send INTERFACES COUNT RATE SIZE: COUNT frames of SIZE bytes, RATE a second (0: as fast as it goes), in turns from
// h0, h1, … to the card 02:00:00:00:01:NN of the next one. Writes: frames, seconds, seconds of CPU.
#define _GNU_SOURCE
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static double cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + 1e-6 * (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int main(int count, char **words) {
    if (count != 5) return 2;
    int ports = atoi(words[1]), size = atoi(words[4]);
    long frames = atol(words[2]);
    double rate = atof(words[3]);
    static unsigned char frame[256][2048];
    unsigned index[256];
    if (ports < 2 || ports > 256 || size < 60 || size > 1514) return 2;
    for (int port = 0; port < ports; port++) {
        char name[16];
        snprintf(name, sizeof name, "h%d", port);
        index[port] = if_nametoindex(name);
        unsigned char *f = frame[port], next = (port + 1) % ports;
        const unsigned char ethernet[] = {2, 0, 0, 0, 1, next, 2, 0, 0, 0, 1, port, 8, 0};
        const unsigned char ip[] = {0x45, 0, (size - 14) >> 8, size - 14, 0, 0, 0, 0, 64, 17, 0, 0,
                                    10, 1, 1, port, 10, 1, 1, next, 0x10, 0, 0x20, 0, (size - 34) >> 8, size - 34};
        memcpy(f, ethernet, sizeof ethernet);
        memcpy(f + 14, ip, sizeof ip);
        unsigned sum = 0;
        for (int at = 14; at < 34; at += 2) sum += f[at] << 8 | f[at + 1];
        while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
        f[24] = ~sum >> 8;
        f[25] = ~sum;
    }
    int out = socket(AF_PACKET, SOCK_RAW, 0), on = 1;
    setsockopt(out, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
    double start = now(), before = cpu();
    for (long sent = 0; sent < frames;) {
        long due = rate > 0 ? (long)((now() - start) * rate) : frames;
        if (due > frames) due = frames;
        if (sent >= due) {
            nanosleep(&(struct timespec){0, 20000}, NULL);
            continue;
        }
        for (long last = due - sent > 64 ? sent + 64 : due; sent < last; sent++) {
            int port = sent % ports;
            struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = index[port], .sll_halen = 6};
            sendto(out, frame[port], size, 0, (struct sockaddr *)&to, sizeof to);
        }
    }
    printf("%ld %f %f\n", frames, now() - start, cpu() - before);
}

// A bare libpcap loop that only counts packets: the cost of reading without metering.
//   cc -O2 -o count count.c -lpcap
#include <pcap/pcap.h>
#include <stdio.h>

static void add(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes) {
    unsigned long *sums = (unsigned long *)user;
    (void)bytes;
    sums[0]++, sums[1] += header->len;
}

int main(int count, char **words) {
    char text[PCAP_ERRBUF_SIZE];
    unsigned long sums[2] = {0, 0};
    pcap_t *file = count == 2 ? pcap_open_offline(words[1], text) : NULL;
    if (!file) return fprintf(stderr, "count FILE\n"), 2;
    pcap_loop(file, 0, add, (u_char *)sums);
    return printf("%lu packets, %lu bytes\n", sums[0], sums[1]) < 0;
}

// A bare libpcap loop that only counts packets: the cost of reading without metering.
//   cc -O2 -o count count.c -lpcap
//   count FILE, or count -i INTERFACE: until SIGINT
#include <pcap/pcap.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static pcap_t *source;

static void add(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes) {
    unsigned long *sums = (unsigned long *)user;
    (void)bytes;
    sums[0]++, sums[1] += header->len;
}

static void stop(int number) {
    (void)number;
    pcap_breakloop(source);
}

int main(int count, char **words) {
    char text[PCAP_ERRBUF_SIZE] = "usage: count FILE | count -i INTERFACE";
    unsigned long sums[2] = {0, 0};
    if (count == 2) source = pcap_open_offline(words[1], text);
    if (count == 3 && !strcmp(words[1], "-i") && (source = pcap_create(words[2], text))) {
        // As much room as Lazaret's ring has.
        pcap_set_buffer_size(source, 16 << 20), pcap_set_snaplen(source, 262144), pcap_set_promisc(source, 1);
        pcap_set_timeout(source, 100);
        if (pcap_activate(source) < 0) return fprintf(stderr, "%s\n", pcap_geterr(source)), 1;
        struct sigaction action = {.sa_handler = stop};
        sigaction(SIGINT, &action, NULL);
        fprintf(stderr, "listening\n");
    }
    if (!source) return fprintf(stderr, "%s\n", text), 2;
    pcap_loop(source, 0, add, (u_char *)sums);
    return printf("%lu packets, %lu bytes\n", sums[0], sums[1]) < 0;
}

// Writes a capture for the meter benchmarks; the same arguments yield the same bytes.
//   cc -O2 -o generate generate.c -lm
//   generate OUT PACKETS FLOWS conversations|probes SNAPLEN SEED
// conversations: TCP 78 %, UDP 18 %, ICMP 4 %; IPv6 12 %, VLAN 6 %, VXLAN 8 %; packets per flow are
//   Pareto-distributed; TCP flows open, exchange data both ways, and four of five close.
// probes: nine of ten flows are a SYN to one address and port; a third is answered by RST.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;
static uint64_t next64(void) {  // xorshift64* (Vigna 2016)
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return state * 0x2545F4914F6CDD1DULL;
}
static double uniform(void) { return (double)(next64() >> 11) / 9007199254740992.0; }
static uint32_t below(uint32_t bound) { return (uint32_t)((next64() >> 32) * bound >> 32); }

typedef struct {
    uint32_t packets, sent, sequence[2], network;
    uint32_t ends[2][4];
    uint16_t port[2], vlan;
    uint8_t protocol, six, probe, answered, closes;
} Flow;
typedef struct {
    uint64_t nanoseconds;
    uint32_t flow;
} Event;

static int by_time(const void *left, const void *right) {
    const Event *a = left, *b = right;
    if (a->nanoseconds != b->nanoseconds) return a->nanoseconds < b->nanoseconds ? -1 : 1;
    return a->flow < b->flow ? -1 : a->flow > b->flow;
}

static uint8_t *put(uint8_t *at, uint32_t value, int bytes) {
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) *at++ = (uint8_t)(value >> shift);
    return at;
}

static void address(uint32_t *words, int six, uint32_t host) {
    words[0] = six ? 0xFD001234 : 0;
    words[1] = six ? 0x00050000 : 0;
    words[2] = 0;
    words[3] = six ? host : 0x0A000000 | host;
}

static void begin(Flow *flow, int probe) {
    static const uint16_t services[] = {443, 443, 80, 8080, 5432, 6379, 9092, 3306};
    memset(flow, 0, sizeof *flow);
    double kind = uniform();
    flow->probe = (uint8_t)probe;
    flow->protocol = probe || kind < 0.78 ? 6 : kind < 0.96 ? 17 : 1;
    flow->six = !probe && flow->protocol != 1 && uniform() < 0.12;
    double wrap = probe ? 1 : uniform();
    if (wrap < 0.06) flow->vlan = (uint16_t)(10 + below(20));
    else if (wrap < 0.14) flow->network = 1 + below(500);
    address(flow->ends[0], flow->six, probe ? 16 + below(3) : 256 + below(6000));
    address(flow->ends[1], flow->six, probe ? below(1 << 24) : 65536 + below(3000));
    flow->port[0] = (uint16_t)(20000 + below(40000));
    flow->port[1] = probe ? (uint16_t)(1 + below(65000))
                  : flow->protocol == 17 ? (below(3) ? 53 : 443) : services[below(8)];
    flow->answered = below(3) == 0;
    flow->closes = below(5) != 0;
    flow->sequence[0] = (uint32_t)next64();
    flow->sequence[1] = (uint32_t)next64();
}

static uint8_t frame[2048];

// Writes the transport header and returns its end; `*side` is the sender.
static uint8_t *transport(uint8_t *at, Flow *flow, int *side, int *payload) {
    uint32_t number = flow->sent++;
    *payload = 0;
    if (flow->protocol == 6) {
        uint8_t flags = 0x10;
        uint32_t left = flow->packets - flow->sent;
        if (flow->probe) *side = (int)number, flags = number ? 0x14 : 0x02;
        else if (number == 0) *side = 0, flags = 0x02;
        else if (number == 1) *side = 1, flags = 0x12;
        else if (number == 2) *side = 0;
        else if (flow->closes && left < 2) *side = (int)left, flags = 0x11;
        else {
            *side = below(100) < 55;
            *payload = *side ? (below(10) < 6 ? 1448 : below(1400)) : (below(10) < 6 ? 0 : 40 + below(500));
            if (*payload) flags = 0x18;
        }
        at = put(put(at, flow->port[*side], 2), flow->port[!*side], 2);
        at = put(put(at, flow->sequence[*side], 4), flags & 0x10 ? flow->sequence[!*side] : 0, 4);
        *at++ = 0x50, *at++ = flags;
        at = put(put(at, 64240, 2), 0, 4);
        flow->sequence[*side] += (uint32_t)*payload + (flags & 3 ? 1 : 0);
        return at;
    }
    *side = number & 1;
    if (flow->protocol == 17) {
        *payload = flow->port[1] == 53 ? (*side ? 90 : 32) : 60 + (int)below(1100);
        at = put(put(at, flow->port[*side], 2), flow->port[!*side], 2);
        return put(put(at, (uint32_t)*payload + 8, 2), 0, 2);
    }
    *payload = 56;
    *at++ = *side ? 0 : 8, *at++ = 0;
    return put(put(put(at, 0, 2), flow->port[0], 2), number / 2, 2);
}

static int build(Flow *flow) {
    uint8_t body[128];
    int side, payload;
    int header = (int)(transport(body, flow, &side, &payload) - body);
    if ((flow->network || flow->six) && payload > 1380) payload = 1380;
    int inner = (flow->six ? 40 : 20) + header + payload;
    uint8_t *at = frame;
    if (flow->network) {
        memset(at, 2, 12), at = put(at + 12, 0x0800, 2);
        at = put(put(at, 0x4500, 2), (uint32_t)inner + 14 + 36, 2);
        at = put(put(put(at, 0, 4), 0x4011, 2), 0, 2);
        at = put(put(at, 0xC0A80001 + (uint32_t)side, 4), 0xC0A80002 - (uint32_t)side, 4);
        at = put(put(put(at, 49152 + (flow->port[0] & 0x3FFF), 2), 4789, 2), (uint32_t)inner + 30, 2);
        at = put(put(put(at, 0, 2), 0x08000000, 4), flow->network << 8, 4);
    }
    // Each host has a MAC address of its own.
    at = put(put(at, 0x0200, 2), flow->ends[!side][3], 4);
    at = put(put(at, 0x0200, 2), flow->ends[side][3], 4);
    if (flow->vlan) at = put(put(at, 0x8100, 2), flow->vlan, 2);
    at = put(at, flow->six ? 0x86DD : 0x0800, 2);
    const uint32_t *from = flow->ends[side], *to = flow->ends[!side];
    if (flow->six) {
        at = put(put(put(at, 0x60000000, 4), (uint32_t)(header + payload), 2), flow->protocol, 1);
        *at++ = 64;
        for (int word = 0; word < 4; word++) at = put(at, from[word], 4);
        for (int word = 0; word < 4; word++) at = put(at, to[word], 4);
    } else {
        at = put(put(put(at, 0x4500, 2), (uint32_t)inner, 2), 0x00004000, 4);
        at = put(put(put(at, 64, 1), flow->protocol, 1), 0, 2);
        at = put(put(at, from[3], 4), to[3], 4);
    }
    memcpy(at, body, (size_t)header), at += header;
    memset(at, 0, (size_t)payload);
    if (flow->protocol == 17 && flow->port[1] == 53) {
        static const uint8_t question[] = {0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'w', 'w', 'w', 7,
            'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1};
        memcpy(at, question, sizeof question);
        if (side) at[2] = 0x81;
    }
    at += payload;
    while (at < frame + 60) *at++ = 0;
    return (int)(at - frame);
}

int main(int count, char **words) {
    if (count != 7) return fprintf(stderr, "generate OUT PACKETS FLOWS MODE SNAPLEN SEED\n"), 2;
    uint64_t packets = strtoull(words[2], 0, 10), flows = strtoull(words[3], 0, 10), made = 0;
    int probes = !strcmp(words[4], "probes"), snap = atoi(words[5]);
    state = strtoull(words[6], 0, 10) * 2 + 1;
    Flow *all = calloc(flows, sizeof *all);
    double *weight = calloc(flows, sizeof *weight), sum = 0;
    for (uint64_t i = 0; i < flows; i++) {
        int probe = probes && i % 10 != 0;
        begin(&all[i], probe);
        if (probe) made += all[i].packets = 1 + all[i].answered;
        else sum += weight[i] = fmin(pow(1 - uniform(), -1 / 1.2), 5000);
    }
    double rest = (double)packets - (double)made;
    for (uint64_t i = 0; i < flows; i++) {
        if (all[i].probe) continue;
        all[i].packets = (uint32_t)fmax(2, weight[i] / sum * rest);
        made += all[i].packets;
    }
    for (uint64_t i = 0; made < packets; i = (i + 1) % flows)
        if (!all[i].probe) all[i].packets++, made++;
    Event *events = malloc(made * sizeof *events), *event = events;
    const double span = 120e9;
    for (uint64_t i = 0; i < flows; i++) {
        double start = uniform() * span * 0.9;
        double length = all[i].probe ? 1e6 : fmin(1e8 * all[i].packets, span - start);
        for (uint32_t p = 0; p < all[i].packets; p++)
            *event++ = (Event){(uint64_t)(start + length * p / all[i].packets), (uint32_t)i};
    }
    qsort(events, made, sizeof *events, by_time);
    FILE *file = fopen(words[1], "wb");
    if (!file) return perror(words[1]), 1;
    uint32_t head[6] = {0xA1B2C3D4, 0x00040002, 0, 0, (uint32_t)snap, 1};
    fwrite(head, 1, 24, file);
    for (uint64_t i = 0; i < made; i++) {
        int length = build(&all[events[i].flow]), kept = length < snap ? length : snap;
        uint64_t micro = events[i].nanoseconds / 1000;
        uint32_t record[4] = {(uint32_t)(1700000000 + micro / 1000000), (uint32_t)(micro % 1000000),
            (uint32_t)kept, (uint32_t)length};
        fwrite(record, 1, 16, file), fwrite(frame, 1, (size_t)kept, file);
    }
    return fclose(file) ? 1 : 0;
}

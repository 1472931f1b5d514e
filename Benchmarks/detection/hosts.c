// Writes a capture of hosts that each query a server once a second, and are answered; packets cut to 28 bytes.
//   cc -O2 -o hosts hosts.c
//   hosts HOSTS PACKETS > CAPTURE
// A host asks one of two of the 64 servers, with a new port every ten seconds. Times are even within a second.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *put(uint8_t *at, uint32_t value, int bytes) {
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) *at++ = (uint8_t)(value >> shift);
    return at;
}

static void packet(uint32_t second, uint32_t micro, uint32_t source, uint32_t target, uint16_t from, uint16_t to,
                   uint32_t length) {
    uint32_t header[4] = {second, micro, 28, length};
    uint8_t bytes[28] = {0x45}, *at = bytes + 2;
    at = put(at, length, 2), at = put(at, 0, 4), at = put(at, 0x4011, 2), at = put(at, 0, 2);
    at = put(at, source, 4), at = put(at, target, 4);
    at = put(at, from, 2), at = put(at, to, 2), at = put(at, length - 20, 2);
    fwrite(header, sizeof header, 1, stdout);
    fwrite(bytes, sizeof bytes, 1, stdout);
}

int main(int count, char **words) {
    if (count != 3) return fprintf(stderr, "usage: hosts HOSTS PACKETS > CAPTURE\n"), 2;
    uint64_t hosts = strtoull(words[1], NULL, 10), left = strtoull(words[2], NULL, 10);
    uint32_t head[6] = {0xA1B2C3D4, 0x00040002, 0, 0, 65535, 101};
    uint64_t state = 0x9E3779B97F4A7C15;
    fwrite(head, sizeof head, 1, stdout);
    for (uint32_t second = 0; left > 1; second++)
        for (uint64_t host = 0; host < hosts && left > 1; host++, left -= 2) {
            state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
            uint32_t client = 0x0A000001 + host, server = 0x0AFF0001 + (host + (state >> 63)) % 64;
            uint32_t micro = host * 1000000 / hosts;
            uint16_t port = 32768 + second / 10 * 401 % 16384;
            packet(1700000000 + second, micro, client, server, port, 8125, 60);
            packet(1700000000 + second, micro, server, client, 8125, port, 90);
        }
    return fflush(stdout) || ferror(stdout);
}

import Foundation
import TestKit
import Testing

/// The toolchain includes a compiler.
private let compiler = (ProcessInfo.processInfo.environment["PATH"] ?? "")
    .split(separator: ":").flatMap { ["\($0)/cc", "\($0)/clang"] }
    .first { FileManager.default.isExecutableFile(atPath: $0) }

/// The behaviour of a monitor when the clock is set by an hour.
///
/// The machine's clock is not changed: a library that is loaded before libc and libpcap shifts the
/// clock that the program reads and the stamps of its packets, as the kernel would. Timers of the
/// kernel continue, as they would then.
@Suite(.needsKernel, .enabled(if: compiler != nil, "needs a C compiler"))
struct ClockTests {
    private static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/mman.h>
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>
        static volatile int64_t *seconds;
        static int64_t step(void) {
          if (!seconds) {
            int file = open(getenv("LAZARET_TEST_CLOCK"), O_RDONLY);
            void *page = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
            close(file);
            seconds = page;
          }
          return *seconds;
        }
        int clock_gettime(clockid_t id, struct timespec *time) {
          int code = syscall(SYS_clock_gettime, id, time);
          if (code == 0 && id == CLOCK_REALTIME) time->tv_sec += step();
          return code;
        }
        int gettimeofday(struct timeval *time, void *zone) {
          struct timespec exact;
          clock_gettime(CLOCK_REALTIME, &exact);
          time->tv_sec = exact.tv_sec;
          time->tv_usec = exact.tv_nsec / 1000;
          return 0;
        }
        time_t time(time_t *to) {
          struct timespec exact;
          clock_gettime(CLOCK_REALTIME, &exact);
          if (to) *to = exact.tv_sec;
          return exact.tv_sec;
        }
        struct header { struct timeval time; uint32_t captured, length; };
        typedef void (*handler)(unsigned char *, const struct header *, const unsigned char *);
        struct call { handler body; unsigned char *user; };
        static void moved(unsigned char *user, const struct header *was, const unsigned char \
        *bytes) {
          struct call *call = (struct call *)user;
          struct header header = *was;
          header.time.tv_sec += step();
          call->body(call->user, &header, bytes);
        }
        int pcap_dispatch(void *handle, int count, handler body, unsigned char *user) {
          static int (*real)(void *, int, handler, unsigned char *);
          if (!real) real = dlsym(RTLD_NEXT, "pcap_dispatch");
          struct call call = {body, user};
          return real(handle, count, moved, (unsigned char *)&call);
        }

        """

    private let lab: Lab
    private let scratch: Scratch
    private let library: String
    private let clock: FileHandle

    /// The words before the program. A library that is already preloaded is kept.
    private var movingClock: [String] {
        let other = ProcessInfo.processInfo.environment["LD_PRELOAD"].map { ":" + $0 } ?? ""
        return [
            "env", "LD_PRELOAD=\(library)\(other)", "LAZARET_TEST_CLOCK=\(scratch.path("clock"))",
        ]
    }

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        library = scratch.path("clock.so")
        let source = try scratch.write("clock.c", Data(Self.source.utf8))
        try Namespace.command([
            compiler ?? "cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl",
        ])
        let page = try scratch.write("clock", Data(count: 8))
        clock = try FileHandle(forUpdating: URL(fileURLWithPath: page))
    }

    private func set(_ seconds: Int64) throws {
        try clock.seek(toOffset: 0)
        try withUnsafeBytes(of: seconds) { try clock.write(contentsOf: Data($0)) }
    }

    private func monitor(_ more: String...) throws -> Background {
        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "br1", "-i", "br2", "-i", "uplink", "--state",
                scratch.path("state"), "-o", scratch.path("eve.json"), "--socket", "never",
                "--enforce",
            ] + more,
            behind: movingClock)
        let isReady = eventually { !program.isRunning || program.errors.contains("monitoring") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    /// The remaining seconds of each fence, by target, as the command line shows them by
    /// `monitor`'s clock.
    private func timeLeft() throws -> [String: Double] {
        let program = try Background(
            in: lab.node.space,
            ["quarantine", "list", "--format", "json", "--state", scratch.path("state")],
            behind: movingClock)
        #expect(program.status == 0, "\(program.errors)")
        var left: [String: Double] = [:]
        for line in program.output.split(separator: "\n") {
            let row = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            left[row?["target"] as? String ?? ""] = row?["remaining_seconds"] as? Double
        }
        return left
    }

    @Test(arguments: [3600, -3600] as [Int64])
    func fencesKeepTheirDurationAndTheNextOffenderIsFenced(step: Int64) throws {
        let model = try scratch.model()
        let program = try monitor("-m", model)
        let began = ContinuousClock.now
        #expect(try lab.isFenced(lab.a, forScanning: lab.b), "\(program.errors)")
        // Ten minutes from the decision, which came after `began`; a second for rounding.
        func isLeft(_ seconds: Double?) -> Bool {
            let passed = (ContinuousClock.now - began) / .seconds(1)
            return seconds.map { $0 <= 600 && $0 >= 599 - passed } ?? false
        }
        try set(step)
        let isNoticed = eventually { program.errors.contains("the clock was set") }
        #expect(isNoticed, "\(program.errors)")
        // The guard checks every second, so an error of it would show within this time.
        Thread.sleep(forTimeInterval: 2)
        #expect(try lab.isBlocked(lab.a, lab.b))
        let left = try timeLeft()
        #expect(isLeft(left[lab.a.v4]), "\(left) \(program.errors)")
        #expect(try lab.isFenced(lab.bystander, forScanning: lab.c), "\(program.errors)")
        #expect(try lab.reaches(lab.c, lab.b))

        // The same while no monitor runs; a command notices first.
        #expect(program.end(by: SIGTERM) == 0)
        try set(0)
        let byHand = try Background(
            in: lab.node.space,
            ["quarantine", "add", "203.0.113.9", "--state", scratch.path("state")],
            behind: movingClock)
        #expect(byHand.status == 0, "\(byHand.errors)")
        #expect(try lab.isBlocked(lab.a, lab.b) && lab.isBlocked(lab.bystander, lab.c))
        let between = try timeLeft()
        #expect(isLeft(between[lab.a.v4]), "\(between)")
        let again = try monitor("-m", model)
        let after = try timeLeft()
        #expect(isLeft(after[lab.a.v4]), "\(after) \(again.errors)")
        #expect(try lab.isBlocked(lab.a, lab.b) && lab.isBlocked(lab.bystander, lab.c))
        #expect(again.end(by: SIGTERM) == 0, "\(again.errors)")
    }

    /// Flows of the last half hour are kept; a step of an hour makes none of them old.
    @Test func aStepForwardDeletesNoFlows() throws {
        let file = try scratch.write("lazaret.yaml", Data("history: {age: 30m}\n".utf8))
        let program = try monitor("-m", try scratch.model(), "-c", file)
        func flows(to time: String) throws -> String {
            try Run(
                "flows", "--state", scratch.path("state"), "--format", "csv", "--to", time,
                "-n", "1000000"
            ).output
        }
        /// The flows so far, without their numbers, which later flows change.
        func rows() throws -> Set<Substring> {
            try Set(
                flows(to: "1s").split(separator: "\n")
                    .map { $0.drop { $0 != "," } })
        }
        func keeps(_ offender: Lab.Host, to time: String) throws -> Bool {
            try eventually {
                try lab.scan(lab.b, by: offender)
                return try flows(to: time).contains(offender.v4)
            }
        }
        #expect(try keeps(lab.c, to: "1s"), "\(program.errors)")
        let before = try rows()
        try set(3600)
        let isNoticed = eventually { program.errors.contains("the clock was set") }
        #expect(isNoticed, "\(program.errors)")
        // The program's clock is an hour ahead of the command's.
        #expect(try keeps(lab.bystander, to: "2999-01-01"), "\(program.errors)")
        // What is too old is deleted at the end, too.
        #expect(program.end(by: SIGTERM) == 0)
        let lost = try before.subtracting(rows())
        #expect(lost.isEmpty, "\(lost)")
        #expect(try flows(to: "2999-01-01").contains(lab.bystander.v4))
    }

    @Test(arguments: [3600, -3600] as [Int64])
    func learningTakesItsFullTimeWhenTheClockIsSet(step: Int64) throws {
        let began = ContinuousClock.now
        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "br1", "--state", scratch.path("state"), "-o",
                scratch.path("eve.json"), "--socket", "never", "--learn", "14s",
            ],
            behind: movingClock)
        let isLearning = eventually { program.errors.contains("learning what is usual") }
        #expect(isLearning, "\(program.errors)")
        var round = 0
        let isLearnt = try eventually {
            round += 1
            if round == 4 { try set(step) }
            try Socket(lab.a).send("probe", to: lab.b.v4, 4000)
            Thread.sleep(forTimeInterval: 0.5)
            return program.errors.contains("workloads from")
        }
        #expect(isLearnt, "\(program.errors)")
        // Not sooner, by the monotonic clock.
        #expect(ContinuousClock.now - began >= .seconds(14))
        let isJudging = eventually { program.errors.contains("monitoring") }
        #expect(isJudging, "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }
}

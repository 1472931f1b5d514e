import ArgumentParser
import SystemSupport

/// The captures to read, shared by every command that reads captures.
struct CaptureInput: ParsableArguments {
    @Option(
        name: [.customShort("r"), .customLong("read")], parsing: .singleValue,
        help: ArgumentHelp(
            """
            Capture to read: pcap or pcapng, also gzip or zstd; '-' is standard input. Repeatable: \
            merged by time.
            """,
            valueName: "file"))
    var files: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            Threads for the captures: 3 read, count and judge at the same time, 2 read apart from \
            the rest; models are fitted on as many, one a core. The results are the same.
            """,
            valueName: "1|2|3"))
    var threads = CaptureThreads.usual

    @Argument(help: "BPF filter, as for tcpdump (pcap-filter(7)).")
    var bpf: [String] = []

    var filter: String { bpf.joined(separator: " ") }

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name a capture with -r FILE") }
        guard files.count(where: { $0 == "-" }) <= 1 else {
            throw ValidationError("standard input can be read once: '-r -' is given twice")
        }
        guard CaptureThreads.range.contains(threads) else {
            throw ValidationError("--threads \(threads): give 1, 2 or 3")
        }
    }
}

/// Whether notes in captures may name workloads.
struct NotesInput: ParsableArguments {
    @Flag(
        name: .customLong("trust-notes"),
        help:
            """
            Take the workloads' names that 'lazaret monitor -w' has noted in a capture that you \
            trust.
            """
    )
    var areTrusted = false
}

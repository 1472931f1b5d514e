internal import CPrivileges
internal import Glibc
package import SystemPackage
package import Timestamps

/// A program that is run with a time limit, an empty environment, bounded output and no inherited
/// descriptors.
package struct ChildProcess {
    /// How a program has ended.
    package enum End: Equatable, Sendable {
        case exit(Int32)
        case signal(Int32)
        /// It took too long, and was killed with its process group.
        case timeLimit
    }

    /// Runs a program and waits for its end; for threads that may block.
    ///
    /// - Parameters:
    ///   - words: the program's absolute path, and its arguments.
    ///   - input: what it reads from standard input.
    ///   - outputLimit: further bytes are discarded.
    package static func run(
        _ words: [String], input: [UInt8], timeLimit: Interval, outputLimit: Int = 64 << 10
    ) throws(Errno) -> (end: End, output: [UInt8]) {
        let stdin = try Pipe()
        let stdout = try Pipe()
        let process = try start(words, reading: stdin.reader, writing: stdout.writer)
        stdin.closeReader()
        stdout.closeWriter()
        stdin.unblock(stdin.writer)
        stdout.unblock(stdout.reader)
        var work = Exchange(input: input[...], outputLimit: outputLimit)
        let deadline = Clock.monotonic() + timeLimit
        var status: Int32 = 0
        while true {
            // SAFETY: the status is a local variable.
            let ended = unsafe waitpid(process, &status, WNOHANG)
            work.exchange(stdin, stdout, milliseconds: ended == 0 ? 20 : 0)
            if ended == process { break }
            if ended < 0, Errno.last != .interrupted { throw .last }
            if Clock.monotonic() >= deadline {
                kill(-process, SIGKILL)
                kill(process, SIGKILL)
                _ = unsafe waitpid(process, &status, 0)
                return (.timeLimit, work.output)
            }
        }
        // What it has left running does not stay.
        kill(-process, SIGKILL)
        let signal = status & 0x7F
        return (signal == 0 ? .exit((status >> 8) & 0xFF) : .signal(signal), work.output)
    }

    private static func start(
        _ words: [String], reading input: Int32, writing output: Int32
    ) throws(Errno) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        // SAFETY: both are initialised here and destroyed below; the words outlive the call.
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawnattr_init(&attributes)
        defer {
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }
        unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, 2)
        let failure = unsafe lazaret_spawn_clean(&actions, "/", 3)
        guard failure == 0 else { throw Errno(rawValue: failure) }
        var none = sigset_t()
        var all = sigset_t()
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        unsafe posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) }
        defer { unsafe arguments.forEach { unsafe free($0) } }
        unsafe arguments.append(nil)
        var environment: [UnsafeMutablePointer<CChar>?] = unsafe [nil]
        var process = pid_t()
        let code = unsafe posix_spawn(
            &process, words[0], &actions, &attributes, &arguments, &environment)
        guard code == 0 else { throw Errno(rawValue: code) }
        return process
    }

    /// The bytes that go to the program and come from it.
    private struct Exchange {
        var input: ArraySlice<UInt8>
        let outputLimit: Int
        var output: [UInt8] = []

        mutating func exchange(_ stdin: Pipe, _ stdout: Pipe, milliseconds: Int32) {
            if input.isEmpty { stdin.closeWriter() }
            var waits = [
                pollfd(fd: stdout.reader, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stdin.writer, events: Int16(POLLOUT), revents: 0),
            ]
            // SAFETY: the array has two elements; a negative descriptor is ignored.
            guard unsafe poll(&waits, 2, milliseconds) > 0 else { return }
            if waits[0].revents != 0 { receive(stdout) }
            if waits[1].revents != 0, !input.isEmpty {
                // A program need not read its input.
                let count = send(stdin)
                input = count > 0 ? input.dropFirst(count) : []
            }
        }

        /// Writes without the signal that a closed pipe would raise.
        private func send(_ stdin: Pipe) -> Int {
            var pipe = sigset_t()
            var before = sigset_t()
            // SAFETY: the sets are local variables, and the bytes are valid for the call.
            unsafe sigemptyset(&pipe)
            unsafe sigaddset(&pipe, SIGPIPE)
            unsafe pthread_sigmask(SIG_BLOCK, &pipe, &before)
            let count = unsafe input.withUnsafeBytes {
                unsafe write(stdin.writer, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EPIPE {
                var none = timespec()
                unsafe _ = sigtimedwait(&pipe, nil, &none)
            }
            unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
            return count
        }

        private mutating func receive(_ stdout: Pipe) {
            var part = [UInt8](repeating: 0, count: 16 << 10)
            // A program that never stops to write does not keep this thread from its deadline.
            for _ in 0..<64 {
                let count = unsafe read(stdout.reader, &part, part.count)
                guard count > 0 else { return }
                output += part.prefix(min(count, outputLimit - output.count))
            }
        }
    }

    /// A pipe whose ends are closed once.
    private final class Pipe {
        private(set) var reader: Int32
        private(set) var writer: Int32

        init() throws(Errno) {
            (reader, writer) = (-1, -1)
            // SAFETY: both are ours.
            let failure = unsafe lazaret_make_pipe(&reader, &writer)
            guard failure == 0 else { throw Errno(rawValue: failure) }
        }

        deinit {
            closeReader()
            closeWriter()
        }

        func closeReader() {
            if reader >= 0 { close(reader) }
            reader = -1
        }

        func closeWriter() {
            if writer >= 0 { close(writer) }
            writer = -1
        }

        /// Makes this program's end return instead of waiting.
        func unblock(_ end: Int32) { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
    }
}

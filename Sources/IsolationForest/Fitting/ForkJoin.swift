#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

import Synchronization

/// Runs work in parallel on its own threads, not in the cooperative pool.
package enum ForkJoin {
    /// Calls `job(0)` … `job(count − 1)` on `threads` threads, each job on whichever is free, and
    /// returns the results in the order of the jobs.
    package static func map<Result: Sendable>(
        _ count: Int, threads: Int, _ job: @Sendable (Int) -> Result
    ) -> [Result] {
        let next = Atomic(0)
        let results = Mutex([Result?](repeating: nil, count: count))
        run(parts: max(1, min(threads, count))) { _ in
            while case let index = next.add(1, ordering: .relaxed).oldValue, index < count {
                let result = job(index)
                results.withLock { $0[index] = result }
            }
        }
        return results.withLock { $0.map { $0! } }
    }

    /// Calls two functions at the same time, each on its own thread.
    package static func both<First: Sendable, Second: Sendable>(
        _ first: @Sendable () -> First, _ second: @Sendable () -> Second
    ) -> (First, Second) {
        let results = Mutex<(First?, Second?)>((nil, nil))
        run(parts: 2) { part in
            if part == 0 {
                let result = first()
                results.withLock { $0.0 = result }
            } else {
                let result = second()
                results.withLock { $0.1 = result }
            }
        }
        return results.withLock { ($0.0!, $0.1!) }
    }

    private final class Part {
        let index: Int
        let body: (Int) -> Void
        init(index: Int, body: @escaping (Int) -> Void) {
            self.index = index
            self.body = body
        }
    }

    /// Calls `body(0)` … `body(parts − 1)`, each once and each on its own thread, the first on the
    /// caller's; returns when all have returned.
    ///
    /// A part whose thread cannot be started runs on the caller's. No part may access what another
    /// part writes.
    static func run(parts: Int, body: (Int) -> Void) {
        guard parts > 1 else { return body(0) }
        withoutActuallyEscaping(body) { body in
            var threads: [pthread_t] = []
            for index in 1..<parts {
                let part = unsafe Unmanaged.passRetained(Part(index: index, body: body))
                #if canImport(Darwin)
                    var thread: pthread_t?
                #else
                    var thread = pthread_t()
                #endif
                // SAFETY: the thread takes over the reference, and is joined before `body` ends.
                let failed = unsafe pthread_create(
                    &thread, nil,
                    { argument in
                        #if canImport(Darwin)
                            let argument: UnsafeMutableRawPointer? = unsafe argument
                        #endif
                        let part = unsafe Unmanaged<Part>.fromOpaque(argument!).takeRetainedValue()
                        part.body(part.index)
                        return nil
                    }, part.toOpaque())
                if failed != 0 {
                    unsafe part.release()
                    body(index)
                    continue
                }
                #if canImport(Darwin)
                    if let thread = unsafe thread { unsafe threads.append(thread) }
                #else
                    threads.append(thread)
                #endif
            }
            body(0)
            for thread in threads { pthread_join(thread, nil) }
        }
    }
}

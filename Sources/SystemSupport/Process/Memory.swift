internal import CMemory
import Glibc

/// Returns free memory to the system, which the allocator otherwise keeps.
///
/// Takes up to some tenths of a second for a large heap, and other threads may have to wait for
/// memory during the call.
package func giveBackFreeMemory() { lazaret_trim_memory() }

/// Lets the heap use huge pages, for a program that soon needs much memory and ends: state of many
/// hosts and flows is read in no order, and translating addresses of small pages would take about a
/// sixth of the time. Called before other threads are started.
///
/// Memory that is free stays with the program.
package func preferHugePages() {
    // Where the system commits no more memory than it has, a reserve would take it from others.
    guard let policy = try? Files.read("/proc/sys/vm/overcommit_memory"),
        policy.first != UInt8(ascii: "2")
    else { return }
    let (pages, size) = (sysconf(Int32(_SC_PHYS_PAGES)), sysconf(Int32(_SC_PAGESIZE)))
    guard pages > 0, size > 0 else { return }
    lazaret_prefer_huge_pages(pages / 2 * size, size)
}

internal import CMemory

/// Returns free memory to the system, which the allocator otherwise keeps.
///
/// Takes up to some tenths of a second for a large heap, and other threads may have to wait for
/// memory during the call.
package func giveBackFreeMemory() { lazaret_trim_memory() }

internal import CMemory

/// Gives memory that is free back to the system: the allocator keeps it otherwise.
///
/// Takes up to some tenths of a second for a large heap, and other threads may have to wait for
/// memory meanwhile.
package func giveBackFreeMemory() { lazaret_trim_memory() }

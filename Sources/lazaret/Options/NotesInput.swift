import ArgumentParser

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

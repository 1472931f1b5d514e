import ArgumentParser

/// Whether captures may say who is who.
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

import ArgumentParser

/// Which alert, for every command that is about one.
struct AlertInput: ParsableArguments {
    @Argument(help: ArgumentHelp("The alert's event_id.", valueName: "event"))
    var eventID: String?

    @Option(help: ArgumentHelp("EVE file that contains the alert.", valueName: "file"))
    var events: String?

    static let noFile = ValidationError("name the file that holds the alert with --events")
}

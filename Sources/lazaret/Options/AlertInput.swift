import ArgumentParser

/// The alert argument, shared by every command about one alert.
struct AlertInput: ParsableArguments {
    @Argument(help: ArgumentHelp("The alert's event_id.", valueName: "event"))
    var eventID: String?

    @Option(help: ArgumentHelp("EVE file that contains the alert.", valueName: "file"))
    var events: String?

    static let noFile = ValidationError("name the file that holds the alert with --events")
}

import StatusReport

extension MetricsText.Page {
    /// The sources of runtime events, by their names in the configuration.
    mutating func add(_ sources: [MonitorStatus.RuntimeSource]) {
        for source in sources {
            for (result, count) in source.results {
                counter(
                    "runtime_events_total", "What became of the lines of Falco, Tetragon, auditd.",
                    count, ["source": source.name, "result": result])
            }
        }
    }
}

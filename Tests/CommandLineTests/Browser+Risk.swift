import Testing

/// The page of the risk of workloads.
extension Browser {
    /// Opens the parts of a workload, and chooses other orders and a filter.
    func expectRisk(of workload: String, at page: String) throws {
        try go(to: page)
        let row = "document.querySelector('#risk tr[data-workload=\"\(workload)\"]')"
        try #require(try waits(for: "\(row) !== null"))
        _ = try evaluate("\(row).querySelector('summary').click()")
        #expect(try evaluate("\(row).querySelectorAll('.parts li').length") == "6")
        let parts = try evaluate("\(row).innerText")
        #expect(
            parts.contains("Exposure") && parts.contains("What to do: scan its image"), "\(parts)")
        for width in [1400, 390] { #expect(try clipped(at: width) == "", "at \(width)") }
        try photograph("risk")
        try resize(to: 1400)
        _ = try evaluate(
            "document.querySelector('#risk button[data-order=workload]').click()")
        #expect(
            try evaluate(
                "document.querySelector('#risk th[aria-sort=ascending]').textContent")
                == "Workload")
        // A filter that nothing matches says so.
        _ = try evaluate(
            """
            (f => (f.value = '<b>', f.dispatchEvent(new Event('input'))))\
            (document.getElementById('filter'))
            """)
        #expect(
            try evaluate("document.getElementById('caption').textContent")
                == "No such workloads.")
    }
}

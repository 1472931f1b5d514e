import Testing

/// The page of the flow history.
extension Browser {
    /// Chooses the order of what was loaded.
    func expectOrder() throws {
        _ = try evaluate(
            """
            (document.getElementById('order').value = 'bytes', \
            document.getElementById('order').dispatchEvent(new Event('change')))
            """)
        let isSorted = try evaluate(
            """
            [...document.querySelectorAll('#flows tbody tr')].map(row => \
            Number(row.cells[6].textContent.replaceAll(',', ''))) \
            .every((bytes, place, all) => place === 0 || all[place - 1] >= bytes)
            """)
        #expect(isSorted == "true")
    }
}

import Foundation
import TestKit
import Testing

extension DashboardTests {
    /// Each target of one incident has an arrow of its own, whose tip is at the target.
    @Test func eachTargetOfAnIncidentHasAnArrow() throws {
        let (program, id) = try monitor()
        // A fenced host cannot even ask for the addresses of others.
        _ = try ask("/api/v1/enforcement", "-d", #"{"mode":"observe"}"#)
        _ = try ask("/api/v1/quarantine/flush", "-d", #"{"reason":"test"}"#)
        #expect(try !lab.isFenced(lab.a))
        let victims = [lab.b.v4, lab.bystander.v4, lab.c.v4]
        let isAttacked = try eventually {
            for victim in [lab.b, lab.bystander, lab.c] { try lab.scan(victim, by: lab.a) }
            let incident = try ask("/api/v1/incidents/\(id)")
            return victims.allSatisfy { incident.contains("\"address\":\"\($0)\"") }
        }
        try #require(isAttacked, "\(program.errors)")
        let browser = try browser(acting)
        for victim in victims {
            let edge = """
                [...document.querySelectorAll('#map .edge.new')].find(e => \
                e.querySelector('title').textContent.startsWith('\(lab.a.v4) to \(victim): '))
                """
            #expect(try browser.waits(for: "\(edge) !== undefined"), "\(victim) \(program.errors)")
            #expect(
                try browser.evaluate("\(edge).getAttribute('marker-end')") == "url(#tip-new)")
            // The figure of a name is before its text.
            let ends = try browser.evaluate(
                """
                ((edge, node) => { \
                const near = (name, at) => { const p = edge.getPointAtLength(at), \
                b = node(name).getBBox(); \
                return Math.hypot(p.x - b.x - b.width / 2, p.y - b.y - b.height / 2) < 20; }; \
                return near('\(lab.a.v4)', 0) + ' ' + near('\(victim)', edge.getTotalLength()); \
                })(\(edge), name => [...document.querySelectorAll('#map text')].find(t => \
                t.querySelector('title').textContent === name).previousElementSibling)
                """)
            #expect(ends == "true true", "\(victim): \(ends)")
        }
        #expect(
            try browser.evaluate(
                "document.querySelectorAll('#map marker#tip-new path.tip-new').length") == "1")
        try browser.photograph("dashboard-map-targets")
        for width in [390, 1400] { try expectNothingClipped(browser, at: width) }
        #expect(browser.troubles.isEmpty, "\(browser.troubles)")
        #expect(program.end(by: SIGTERM) == 0)
    }
}

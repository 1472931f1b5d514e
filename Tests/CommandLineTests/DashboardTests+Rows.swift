import Foundation
import TestKit
import Testing

/// What the dashboard has one row or one label for.
extension DashboardTests {
    /// Charts are drawn again a moment after the width has changed.
    func expectNothingClipped(_ browser: Browser, at width: Int) throws {
        var clipped = ""
        let isWhole = try eventually {
            clipped = try browser.clipped(at: width)
            return clipped.isEmpty
        }
        #expect(isWhole, "\(width): \(clipped)")
    }

    /// Workloads with long names: each is whole at every width.
    @Test func longNamesAreWhole() throws {
        let names = [
            "app": "frontend-of-the-nightly-billing-run.production.eu-central-1",
            "cache": "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
            "worker": "a worker with spaces / in its name, as an engine allows it",
        ]
        var text = try String(
            contentsOf: Run.root.appendingPathComponent("captures/inventory.yaml"),
            encoding: .utf8)
        for (name, long) in names {
            text = text.replacingOccurrences(
                of: "- name: \(name)\n", with: "- name: '\(long)'\n")
        }
        let model = scratch.path("long.model")
        let run = try Run(
            "train", "-r", "captures/clean-train.pcap", "-o", model, "--inventory",
            try scratch.write("long.yaml", Data(text.utf8)))
        #expect(run.status == 0, "\(run.errors)")
        let (program, _) = try monitor(model: model)
        let browser = try browser(acting)
        let map = "document.getElementById('map')"
        for long in names.values {
            let isDrawn = try browser.waits(
                for: "[...\(map).querySelectorAll('title')].some(t => t.textContent === '\(long)')")
            #expect(isDrawn, "\(long)")
        }
        try browser.photograph("dashboard-long")
        for width in [320, 390, 768, 820, 1024, 1400] {
            try expectNothingClipped(browser, at: width)
            // All letters of a name are there, and no two labels of a column overlap.
            let shown = try browser.evaluate(
                """
                [...\(map).querySelectorAll('text')].map(text => \
                [...text.querySelectorAll('tspan')]\
                .filter(part => !part.matches('.role')).map(part => part.textContent).join('')\
                .replace(/ /g, '')).join('|')
                """)
            for long in names.values {
                #expect(shown.contains(long.replacing(" ", with: "")), "\(width): \(shown)")
            }
            let isApart = try browser.evaluate(
                """
                (boxes => boxes.every((box, index) => boxes.slice(index + 1).every(other => \
                box.right <= other.left || other.right <= box.left || box.bottom <= other.top + 2 \
                || other.bottom <= box.top + 2)))([...\(map).querySelectorAll('text')]\
                .map(text => text.getBoundingClientRect()))
                """)
            #expect(isApart == "true", "\(width)")
        }
        #expect(browser.troubles.isEmpty, "\(browser.troubles)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    /// An offender is fenced at its port and at its address: one row and one button, which ends
    /// both.
    @Test func anOffenderIsOneRow() throws {
        let (program, _) = try monitor()
        let listed = try ask("/api/v1/quarantine")
        #expect(listed.contains("\"target\":\"port:") && listed.contains(lab.a.v4), "\(listed)")
        let browser = try browser(acting)
        let rows = "document.querySelectorAll('#fences tbody tr')"
        #expect(try browser.waits(for: "\(rows).length === 1"))
        #expect(try browser.evaluate("document.querySelectorAll('#fences button').length") == "1")
        let caption = try browser.evaluate("document.getElementById('fences-caption').textContent")
        #expect(caption.hasPrefix("1 offender is fenced, by 2 rules"), "\(caption)")
        _ = try browser.evaluate("document.querySelector('#fences summary').click()")
        let text = try browser.evaluate("\(rows)[0].innerText")
        #expect(text.contains(lab.a.v4) && text.contains("also at port "), "\(text)")
        #expect(text.matches(of: #/held back, until \d{4}-\d\d-\d\d .* UTC/#).count == 2, "\(text)")
        // The sum of both rules.
        let held = listed.matches(of: #/"packets_held":(\d+)/#).compactMap { Int($0.1) }
        let sum = try browser.evaluate(
            "\(rows)[0].querySelector('td.n').textContent.replace(/,/g, '')")
        #expect((Int(sum) ?? 0) >= held.reduce(0, +), "\(sum) \(held)")
        try browser.photograph("dashboard-fence")
        _ = try browser.evaluate("document.querySelector('#fences button').click()")
        let question = try browser.evaluate("document.getElementById('ask-words').textContent")
        #expect(question.contains(lab.a.v4) && question.contains("and port "), "\(question)")
        _ = try browser.evaluate("document.getElementById('yes').click()")
        #expect(try browser.waits(for: "\(rows).length === 0"))
        #expect(try ask("/api/v1/quarantine") == "[]")
        #expect(browser.troubles.isEmpty, "\(browser.troubles)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    /// Addresses that a host only writes into packets are one row of the top talkers, and no nodes
    /// of the map; the host itself is one, and so are those that answered it.
    @Test(.needs("hping3")) func forgedAddressesAreOneRow() throws {
        let (program, _) = try monitor()
        _ = try? lab.c.space.run(
            "timeout", "20", "hping3", "-q", "-n", "-S", "--rand-source", "-c", "300", "-i",
            "u3000", "-p", "80", lab.b.v4)
        let browser = try browser(acting)
        var names = ""
        let isSummed = try eventually {
            _ = try browser.evaluate("refreshTalkers()")
            names = try browser.evaluate(
                "[...document.querySelectorAll('#talkers tbody th')].map(t => t.textContent).join()"
            )
            return names.contains(" addresses that may be forged")
        }
        #expect(isSummed, "\(names) \(program.errors)")
        #expect(names.contains(lab.a.v4) && names.contains(lab.b.v4), "\(names)")
        let others = names.split(separator: ",").filter {
            !$0.contains("forged") && !$0.hasPrefix("10.77.") && !$0.contains(":")
        }
        #expect(others.isEmpty, "\(names)")
        #expect(try ask("/api/v1/talkers").contains(#/"forged":[1-9]/#))
        let nodes = try browser.evaluate(
            "[...document.querySelectorAll('#map text > title')].map(t => t.textContent).join()")
        #expect(
            !nodes.split(separator: ",").contains {
                $0.contains(#/^\d+\.\d+\.\d+\.\d+$/#) && !$0.hasPrefix("10.77.")
            }, "\(nodes)")
        let top = try Run("top", "--socket", socket).output
        #expect(top.contains(#/\n\d+ address(es)? that may be forged +\d/#), "\(top)")
        #expect(top.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(top)")
        #expect(browser.troubles.isEmpty, "\(browser.troubles)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    /// Of an incident's many targets the map draws those with names, and counts the others.
    @Test func ofManyTargetsThoseWithNamesAreDrawn() throws {
        let (program, _) = try monitor()
        let browser = try browser(acting)
        let many = """
            attacked({target_count: 40, targets: [...'abcdefghij'].map((name, index) => \
            ({address: '10.0.0.' + index, ...(index % 2 ? {workload: name} : {})}))})
            """
        #expect(
            try browser.evaluate("(a => a.names.join() + ' ' + a.rest)(\(many))")
                == "b,d,f,h,j 35")
        #expect(browser.troubles.isEmpty, "\(browser.troubles)")
        #expect(program.end(by: SIGTERM) == 0)
    }
}

import Foundation
import TestKit
import Testing

/// The dashboard and the page of the flow history in a real browser, for a user that may act and
/// one that may only look.
@Suite(
    .needsKernel, .needs("curl"), .needs("tcpdump"),
    .enabled(if: Browser.path != nil, "needs chromium"))
struct DashboardTests {
    let lab: Lab
    let scratch: Scratch
    let socket = "/tmp/lzd-\(UInt32.random(in: 0...UInt32.max)).sock"
    let acting = "a-token-to-act-0123456789"
    let reading = "a-token-to-read-0123456789"
    let page = "http://127.0.0.1:9787/"

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        try scratch.write("act", Data(acting.utf8), mode: 0o600)
        try scratch.write("read", Data(reading.utf8), mode: 0o600)
    }

    /// An enforcing monitor that has fenced the first host; returns its incident, too.
    func monitor(model: String? = nil) throws -> (program: Background, incident: String) {
        let text = """
            interfaces: [br1, br2, uplink]
            state: \(scratch.path("state"))
            events: \(scratch.path("eve.json"))
            record: {file: \(scratch.path("kept.pcapng"))}
            control: {socket: \(socket), port: 9787, token_file: \(scratch.path("act")), \
            read_token_file: \(scratch.path("read"))}

            """
        let file = try scratch.write("lazaret.yaml", Data(text.utf8))
        let words = ["monitor", "-c", file, "--enforce", "-m", try model ?? scratch.model()]
        let program = try Background(in: lab.node.space, words)
        let isReady = eventually { !program.isRunning || program.errors.contains("monitoring") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        try #require(try lab.isFenced(lab.a, forScanning: lab.b), "\(program.errors)")
        var id = ""
        let isStored = try eventually {
            try lab.scan(lab.b, by: lab.a)
            id =
                try ask("/api/v1/incidents").firstMatch(of: /"event_id":"([0-9a-f]+)"/)
                .map { String($0.1) } ?? ""
            return try !id.isEmpty && ask("/api/v1/events/\(id)").contains("alert")
                && ask("/api/v1/flows").contains(lab.a.v4)
        }
        try #require(isStored, "\(program.errors)")
        return (program, id)
    }

    func ask(_ path: String, _ more: String...) throws -> String {
        try Namespace.command(
            ["curl", "-s", "-m", "60", "--unix-socket", socket] + more + ["http://lazaret\(path)"])
    }

    func browser(_ token: String) throws -> Browser {
        let browser = try Browser(in: lab.node.space)
        try browser.go(to: page)
        #expect(try browser.waits(for: "document.getElementById('login')?.hidden === false"))
        try enter(token, browser)
        return browser
    }

    private func enter(_ token: String, _ browser: Browser) throws {
        _ = try browser.evaluate(
            """
            (document.getElementById('token').value = '\(token)', document.querySelector('#login \
            button').click())
            """)
    }

    private func open(_ id: String, _ browser: Browser) throws {
        let entry = "document.querySelector('.incident[data-id=\"\(id)\"]')"
        #expect(try browser.waits(for: "\(entry) !== null"))
        _ = try browser.evaluate("\(entry).querySelector('summary').click()")
        #expect(try browser.waits(for: "\(entry).querySelector('.triage-now') !== null"))
    }

    private func click(_ text: String, in place: String, _ browser: Browser) throws {
        let found = "[...document.querySelectorAll('\(place) button')].find(b => b.textContent"
        #expect(try browser.waits(for: "\(found) === '\(text)') !== undefined"), "\(text)")
        _ = try browser.evaluate("\(found) === '\(text)').click()")
    }

    @Test func anOperatorSetsStatesMutesAndPauses() throws {
        let (program, id) = try monitor()
        let browser = try browser(acting)
        try open(id, browser)
        // A comment that is being typed outlasts a refresh.
        _ = try browser.evaluate(
            """
            (i => (i.focus(), i.value = '<b>seen</b>', refreshIncidents()))\
            (document.querySelector('.actions input'))
            """)
        try click("acknowledged", in: "[data-id=\"\(id)\"]", browser)
        let isSaved = try eventually {
            try ask("/api/v1/incidents/\(id)").contains(#""state":"acknowledged""#)
        }
        #expect(isSaved, "\(program.errors)")
        #expect(try ask("/api/v1/incidents/\(id)").contains("<b>seen<"))
        #expect(try browser.waits(for: "document.querySelector('.said') !== null"))
        try browser.resize(to: 1400)
        let isApart = try browser.evaluate(
            """
            (said => said.getBoundingClientRect().right + 8 <= said.closest('.marks')\
            .nextElementSibling.getBoundingClientRect().left)(document.querySelector('.said'))
            """)
        #expect(isApart == "true", "the longest state touches the text")
        #expect(try browser.evaluate("document.querySelectorAll('#incidents b').length") == "0")

        // Muted for one pattern, and not any more.
        _ = try browser.evaluate(
            "document.querySelectorAll('[data-id=\"\(id)\"] select')[1].selectedIndex = 1")
        try click("Mute", in: "[data-id=\"\(id)\"]", browser)
        #expect(try browser.waits(for: "document.querySelector('#mutes li') !== null"))
        #expect(try ask("/api/v1/mutes").contains(#""pattern":"#))
        try browser.photograph("dashboard-act")
        try click("End", in: "#mutes", browser)
        #expect(try browser.waits(for: "document.querySelector('#mutes li') === null"))
        #expect(try ask("/api/v1/mutes") == "[]")

        // Paused and resumed. The confirmation is a dialog of the browser itself.
        _ = try browser.evaluate("window.confirm = () => true")
        try click("Only report", in: "#enforcement", browser)
        let isPaused = try eventually {
            try ask("/api/v1/enforcement").contains(#""mode":"observe""#)
        }
        #expect(isPaused, "\(program.errors)")
        #expect(try ask("/api/v1/enforcement").contains(#""until""#))
        try click("As configured", in: "#enforcement", browser)
        let isBack = try eventually {
            try ask("/api/v1/enforcement").contains(#""mode":"enforce""#)
        }
        #expect(isBack, "\(program.errors)")
        #expect(browser.troubles.isEmpty, "\(browser.troubles)")
        #expect(program.end(by: SIGTERM) == 0)
        let trail = try Run("audit", "list", "--state", scratch.path("state")).output
        for action in [" triage ", " mute ", " unmute ", " enforcement "] {
            #expect(trail.contains(action), "\(trail)")
        }
    }

    @Test func aReaderSeesTheSameAndNoButtons() throws {
        let (program, id) = try monitor()
        #expect(
            try ask(
                "/api/v1/incidents/\(id)/triage", "-d", #"{"state":"closed","comment":"done"}"#
            ).contains("closed"))
        let browser = try browser(reading + "x")
        #expect(
            try browser.waits(
                for: "document.getElementById('refused').textContent.includes('not the token')"))
        try enter(reading, browser)
        #expect(
            try browser.waits(
                for: "document.getElementById('live').textContent.includes('to look only')"))
        try open(id, browser)
        let text = try browser.evaluate("document.querySelector('.triage-now').innerText")
        #expect(text.contains("closed") && text.contains("done"), "\(text)")
        let isListed = try browser.waits(
            for: "document.querySelector('#fences tbody').innerText.includes('\(lab.a.v4)')")
        #expect(isListed)
        let acts = try browser.evaluate(
            """
            [...document.querySelectorAll('main button')].filter(b => b.offsetParent !== null)\
            .map(b => b.textContent).join()
            """)
        #expect(acts.isEmpty, "\(acts)")
        try browser.photograph("dashboard-look")
        // Fences stay in force while the monitor observes.
        #expect(
            try Run("enforcement", "observe", "--for", "1h", "--socket", socket).status == 0)
        let caption = "document.getElementById('fences-caption').textContent"
        let isObserving = try browser.waits(for: "\(caption).includes('no new ones are added')")
        #expect(try isObserving && !browser.evaluate(caption).contains("dry run"))

        // The history, with the same token.
        try browser.follow("document.querySelector('footer a')")
        #expect(try browser.waits(for: "document.querySelector('#flows tbody tr') !== null"))
        func search(_ peer: String) throws {
            _ = try browser.evaluate(
                """
                (document.getElementById('peer').value = '\(peer)', \
                document.querySelector('#query button').click())
                """)
        }
        try search(lab.a.v4)
        #expect(
            try browser.waits(
                for: """
                    document.querySelectorAll('#flows tbody tr').length > 0 && \
                    [...document.querySelectorAll('#flows tbody tr')].every(row => \
                    row.innerText.includes('\(lab.a.v4)'))
                    """))
        try browser.expectOrder()
        try browser.photograph("flows")
        try search("192.0.2.0/24")
        #expect(
            try browser.waits(
                for: "document.getElementById('caption').textContent === 'No such flows.'"))
        try browser.expectRisk(of: lab.a.v4, at: page + "risk")
        #expect(browser.troubles.isEmpty, "\(browser.troubles)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func theAttackIsSeenOnTheMapAndItsFiguresHaveAxes() throws {
        let (program, id) = try monitor()
        let browser = try browser(acting)
        // An arrow from the offender to its target, and both have their roles.
        let edge = "[...document.querySelectorAll('#map .edge.new title')].map(t => t.textContent)"
        #expect(
            try browser.waits(
                for: "\(edge).some(t => t.startsWith('\(lab.a.v4) to \(lab.b.v4): '))"),
            "\(program.errors)")
        #expect(
            try browser.evaluate(
                "document.querySelector('#map .edge.new').getAttribute('marker-end')")
                == "url(#tip-new)")
        func roles() throws -> String {
            try browser.evaluate(
                """
                [...document.querySelectorAll('#map text')].filter(t => t.querySelector('.role'))\
                .map(t => t.querySelector('title').textContent + '=' \
                + t.querySelector('.role').textContent).join()
                """)
        }
        let isFenced = try eventually { try roles().contains("\(lab.a.v4)=offender") }
        #expect(isFenced, "\(program.errors)")
        let shown = try roles()
        #expect(shown.contains("\(lab.b.v4)=target"), "\(shown)")
        // Axes: time with date and zone, rates with their unit.
        let rates = "document.getElementById('rates').textContent"
        #expect(try browser.waits(for: "/\\d{4}-\\d\\d-\\d\\d, UTC/.test(\(rates))"))
        #expect(try browser.evaluate("\(rates).includes('/s')") == "true")
        #expect(
            try browser.waits(
                for: """
                    [...document.querySelectorAll('#scores .row')].some(row => \
                    row.textContent.includes('200 %')) \
                    && document.getElementById('scores').textContent.includes(', UTC')
                    """))
        // Reasons have one scale, which is written below them.
        try open(id, browser)
        #expect(try browser.waits(for: "document.querySelector('.ruler') !== null"))
        #expect(
            try browser.evaluate("document.querySelector('.ruler').textContent.includes('+10')")
                == "true")
        #expect(try browser.waits(for: "document.querySelectorAll('#talkers tbody tr').length > 0"))
        try browser.photograph("dashboard-map")
        for width in [320, 390, 768, 820, 1024, 1400] {
            try expectNothingClipped(browser, at: width)
        }

        // A host that was released is no offender any more.
        _ = try Namespace.command([
            "nsenter", "--net=/run/netns/\(lab.node.space.name)", Run.binary.path, "quarantine",
            "release", lab.a.v4, "--state", scratch.path("state"),
        ])
        let isReleased = try eventually { try !roles().contains("\(lab.a.v4)=offender") }
        #expect(isReleased, "\(program.errors)")
        #expect(browser.troubles.isEmpty, "\(browser.troubles)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func incidentsAreFilteredAndSorted() throws {
        let (program, id) = try monitor()
        let other = lab.c
        let isSecond = try eventually {
            try lab.scan(lab.b, by: other)
            return try ask("/api/v1/incidents?match=\(other.v4)").contains(other.v4)
        }
        #expect(isSecond, "\(program.errors)")
        _ = try ask(
            "/api/v1/incidents/\(id)/triage", "-d", #"{"state":"closed","comment":""}"#)
        #expect(try ask("/api/v1/incidents?state=closed").contains(id))
        #expect(try ask("/api/v1/incidents?state=benign") == "[]")
        #expect(try ask("/api/v1/incidents?pattern=dns_tunnel") == "[]")
        #expect(try ask("/api/v1/incidents?match=no-such-host") == "[]")
        let browser = try browser(acting)
        let rows = "[...document.querySelectorAll('#incidents .incident')]"
        func choose(_ field: String, _ value: String) throws {
            _ = try browser.evaluate(
                """
                (f => (f.value = '\(value)', f.dispatchEvent(new Event('input')), \
                f.dispatchEvent(new Event('change'))))(document.getElementById('\(field)'))
                """)
        }
        #expect(try browser.waits(for: "\(rows).length > 1"))
        try choose("for-state", "closed")
        #expect(try browser.waits(for: "\(rows).map(r => r.dataset.id).join() === '\(id)'"))
        try choose("for-state", "")
        try choose("for-match", other.v4)
        #expect(
            try browser.waits(
                for: """
                    \(rows).length > 0 && \
                    \(rows).every(r => r.querySelector('summary').innerText.includes('\(other.v4)'))
                    """))
        try choose("for-match", "no-such-host")
        #expect(
            try browser.waits(
                for: "document.getElementById('quiet').textContent === 'No incident is like that.'")
        )
        try choose("for-match", "")
        #expect(try browser.waits(for: "\(rows).length > 1"))
        // Sorting needs no request; those of one severity stay together.
        try choose("for-order", "severity")
        let marks = try browser.evaluate(
            "\(rows).map(r => r.querySelector('.severity').textContent).join()")
        let order = ["high", "medium", "low"]
        let places = marks.split(separator: ",").map { order.firstIndex(of: String($0)) ?? -1 }
        #expect(places == places.sorted() && !places.contains(-1), "\(marks)")
        try choose("for-pattern", "port_scan")
        #expect(
            try browser.waits(
                for: "\(rows).length > 0 && \(rows).every(r => /port scan/.test(r.textContent))"))
        #expect(browser.troubles.isEmpty, "\(browser.troubles)")
        // The command line has the same filters.
        let listed = try Run(
            "incidents", "--socket", socket, "--match", other.v4, "--format", "json")
        #expect(listed.status == 0 && listed.output.contains(other.v4), "\(listed.errors)")
        let wrong = try Run("incidents", "--socket", socket, "--severity", "loud")
        #expect(wrong.status == 1 && wrong.errors.contains("high, medium, low"), "\(wrong.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func theLastHourIsTheSameAfterARestart() throws {
        let (first, _) = try monitor()
        func scores() throws -> [String: Int] {
            let answer =
                try JSONSerialization.jsonObject(
                    with: Data(try ask("/api/v1/scores?minutes=60").utf8)) as? [String: Any]
            let rows = answer?["workloads"] as? [[String: Any]] ?? []
            return Dictionary(
                uniqueKeysWithValues: rows.compactMap { row in
                    guard let name = row["workload"] as? String, let all = row["scores"] as? [Int]
                    else { return nil }
                    return (name, all.max() ?? 0)
                })
        }
        func rates() throws -> [Int] {
            try ask("/api/v1/rates").matches(of: #/"second":(\d+)/#).compactMap { Int($0.1) }
        }
        let (before, earlier) = (try scores(), try rates())
        // Neither the inventory nor the model has names for the lab's addresses.
        #expect(before["outside"] == 100 && !earlier.isEmpty, "\(before)")
        #expect(first.end(by: SIGTERM) == 0)
        let second = try Background(
            in: lab.node.space,
            ["monitor", "-c", scratch.path("lazaret.yaml"), "-m", try scratch.model()])
        let isBack = eventually {
            (try? scores())?["outside"] == 100
                && (try? rates()).map { Set(earlier).isSubset(of: $0) } == true
        }
        #expect(isBack, "\(second.errors)")
        let browser = try browser(acting)
        #expect(
            try browser.waits(
                for: "document.getElementById('scores').textContent.includes('outside')"))
        #expect(
            try browser.waits(for: "document.querySelectorAll('#incidents .incident').length > 0"))
        #expect(second.end(by: SIGTERM) == 0)
    }

    @Test func thePacketsOfAnIncidentAreDownloaded() throws {
        let (program, id) = try monitor()
        let path = "/api/v1/incidents/\(id)/packets"
        try Socket(lab.b).send("other", to: lab.c.v4, 4000)
        let file = scratch.path("incident.pcapng")
        func dumped(_ filter: String) throws -> Int {
            try Namespace.command(["tcpdump", "-nr", file, filter]).split(separator: "\n")
                .count { $0.contains("IP") }
        }
        let isKept = try eventually {
            let code = try ask(path, "-o", file, "-w", "%{http_code}")
            return try code == "200" && dumped("tcp and src host \(lab.a.v4)") > 0
        }
        #expect(isKept, "\(program.errors)")
        #expect(try dumped("not host \(lab.a.v4)") == 0)
        #expect(try ask("/api/v1/incidents/0123456789abcdef/packets", "-i").contains(" 404 "))

        // The button saves the same, and a reader gets no packets.
        let browser = try browser(acting)
        try open(id, browser)
        try click("Download packets", in: "[data-id=\"\(id)\"]", browser)
        let answer = "document.querySelector('[data-id=\"\(id)\"] [role=status]').textContent"
        #expect(try browser.waits(for: "\(answer) === 'saved'"))
        #expect(browser.troubles.isEmpty, "\(browser.troubles)")
        let refused = try Namespace.command([
            "nsenter", "--net=/run/netns/\(lab.node.space.name)", "curl", "-s", "-i", "-m", "60",
            "-H", "Authorization: Bearer \(reading)", "http://127.0.0.1:9787\(path)",
        ])
        #expect(refused.contains(" 403 "), "\(refused)")
        #expect(program.end(by: SIGTERM) == 0)
    }
}

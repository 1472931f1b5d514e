import Foundation
import TestKit
import Testing

/// A real headless browser, optionally in a network namespace. It is controlled by the DevTools
/// protocol over a pair of pipes (`--remote-debugging-pipe`: messages end with a zero byte).
final class Browser {
    /// The path of Chromium; nil if it is not installed.
    static let path = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// The page was left while a script ran in it.
    private struct PageLeft: Error {}

    private let process = Process()
    private let scratch: Scratch
    private let commands: Int32
    private let answers: Int32
    private var buffer: [UInt8] = []
    private var number = 0
    private var session: String?
    /// The page's exceptions and console errors.
    private(set) var troubles: [String] = []

    init(in space: Namespace) throws {
        scratch = try Scratch()
        let (input, output) = (scratch.path("in"), scratch.path("out"))
        guard mkfifo(input, 0o600) == 0, mkfifo(output, 0o600) == 0 else {
            throw Failure(description: "no pipes")
        }
        // For both directions, so that neither side waits for the other to open.
        commands = open(input, O_RDWR | O_CLOEXEC)
        answers = open(output, O_RDWR | O_CLOEXEC)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "nsenter", "--net=/run/netns/\(space.name)", "sh", "-c",
            #"exec "$0" "$@" 3<"$IN" 4>"$OUT""#, try #require(Self.path), "--headless=new",
            "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe",
            "--user-data-dir=" + scratch.path("profile"),
        ]
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["IN": input, "OUT": output]
        ) { $1 }
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        let target = try call("Target.createTarget", ["url": "about:blank"])["targetId"] ?? ""
        session =
            try call("Target.attachToTarget", ["targetId": target, "flatten": true])[
                "sessionId"] as? String
        for domain in ["Page", "Runtime"] { _ = try call("\(domain).enable", [:]) }
    }

    deinit {
        // SIGTERM may be blocked: a child has the signal mask of its parent's thread.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        close(commands)
        close(answers)
    }

    /// Goes to a page; again where an address of the namespace changed meanwhile, as browsers do.
    func go(to url: String) throws {
        let isThere = try eventually {
            let wrong = try call("Page.navigate", ["url": url])["errorText"] as? String
            guard let wrong, !wrong.contains("NETWORK_CHANGED") else { return wrong == nil }
            throw Failure(description: "\(url): \(wrong)")
        }
        guard isThere else {
            throw Failure(description: "\(url): the network changes all the time")
        }
    }

    /// Runs JavaScript in the page and returns its value as text.
    func evaluate(_ script: String) throws -> String {
        let answer = try call(
            "Runtime.evaluate",
            ["expression": "String(\(script))", "awaitPromise": true, "returnByValue": true])
        if let wrong = answer["exceptionDetails"] { throw Failure(description: "\(wrong)") }
        return (answer["result"] as? [String: Any])?["value"] as? String ?? ""
    }

    /// Waits until JavaScript is true in the page. A page that is left meanwhile has no answer yet.
    func waits(for script: String) throws -> Bool {
        try eventually {
            do { return try evaluate(script) == "true" } catch is PageLeft { return false }
        }
    }

    /// Clicks on what the script names, which leads to another page.
    func follow(_ link: String) throws {
        do { _ = try evaluate("\(link).click()") } catch is PageLeft {}
    }

    /// Saves pictures of the page as a desktop, a tablet and a phone show it, light and dark, for
    /// people, in the directory that LAZARET_SCREENSHOTS names; without it, does nothing.
    func photograph(_ name: String) throws {
        guard let folder = ProcessInfo.processInfo.environment["LAZARET_SCREENSHOTS"] else {
            return
        }
        for (width, scheme) in [1400, 820, 390].flatMap({ [($0, "light"), ($0, "dark")] }) {
            try resize(to: width)
            // Charts are drawn again a moment after the width has changed.
            Thread.sleep(forTimeInterval: 0.5)
            _ = try call(
                "Emulation.setEmulatedMedia",
                ["features": [["name": "prefers-color-scheme", "value": scheme]]])
            let answer = try call("Page.captureScreenshot", ["captureBeyondViewport": true])
            let data = Data(base64Encoded: answer["data"] as? String ?? "") ?? Data()
            try data.write(to: URL(fileURLWithPath: "\(folder)/\(name)-\(width)-\(scheme).png"))
        }
    }

    /// Shows the page as a window or phone of this width does.
    func resize(to width: Int) throws {
        _ = try call(
            "Emulation.setDeviceMetricsOverride",
            ["width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 800])
    }

    /// The texts that the page cuts off at this width: those of pictures beyond their picture's
    /// edge, all that is beyond the page's, and what ends with an ellipsis.
    func clipped(at width: Int) throws -> String {
        try resize(to: width)
        return try evaluate(
            """
            (() => {
              const found = [], width = document.documentElement.clientWidth;
              if (document.documentElement.scrollWidth > width) found.push('the page scrolls');
              for (const text of document.querySelectorAll('svg text')) {
                const own = text.getBoundingClientRect();
                const edge = text.ownerSVGElement.getBoundingClientRect();
                const isShown = own.width > 0 && edge.width > 0;
                if (isShown && (own.left < edge.left - 1 || own.right > edge.right + 1
                    || own.bottom > edge.bottom + 4 || own.left < 0 || own.right > width + 1))
                  found.push(text.textContent);
              }
              for (const part of document.querySelectorAll('main *')) {
                const style = getComputedStyle(part);
                if (part.tagName === 'text' && part.textContent.includes('…')
                    || style.textOverflow === 'ellipsis' && part.scrollWidth > part.clientWidth)
                  found.push('shortened: ' + part.textContent);
              }
              return found.join('; ');
            })()
            """)
    }

    private func call(_ method: String, _ parameters: [String: Any]) throws -> [String: Any] {
        number += 1
        var message: [String: Any] = ["id": number, "method": method, "params": parameters]
        message["sessionId"] = session
        let bytes = [UInt8](try JSONSerialization.data(withJSONObject: message)) + [0]
        guard write(commands, bytes, bytes.count) == bytes.count else {
            throw Failure(description: "the browser does not listen")
        }
        while true {
            let answer = try next()
            if answer["id"] as? Int == number {
                guard let wrong = answer["error"] else {
                    return answer["result"] as? [String: Any] ?? [:]
                }
                // The protocol has one code, -32000, for all that went wrong in the page.
                let text = "\(method): \(wrong)"
                if text.contains("navigated") || text.contains("context") { throw PageLeft() }
                throw Failure(description: text)
            }
            if answer["method"] as? String == "Runtime.exceptionThrown" {
                troubles.append("\(answer["params"] ?? "")")
            }
        }
    }

    private func next() throws -> [String: Any] {
        while true {
            if let end = buffer.firstIndex(of: 0) {
                let data = Data(buffer[..<end])
                buffer.removeSubrange(...end)
                return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
            }
            var waiting = pollfd(fd: answers, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, Int32(patience * 1000)) == 1 else {
                throw Failure(description: "the browser does not answer")
            }
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            let count = read(answers, &chunk, chunk.count)
            guard count > 0 else { throw Failure(description: "the browser is gone") }
            buffer += chunk[..<count]
        }
    }
}

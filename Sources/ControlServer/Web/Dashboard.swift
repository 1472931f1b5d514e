internal import Digests
internal import FoundationEssentials
internal import HTMLReport
internal import HTTPServer

/// The pages of the dashboard. Their scripts read the API.
///
/// A page is one document with its style and its script and loads nothing else: a browser on the
/// node ends its transfers whenever an address of the node changes, as it does where containers
/// start (`net::ERR_NETWORK_CHANGED` in Chromium), and a page would run without one of its parts.
/// The script inserts text from the network as `textContent` only, and the content security policy
/// allows only this style and this script.
enum Dashboard {
    static let operations: [Operation] = [
        page(
            "/", "The dashboard", PackageResources.index_html,
            scripts: [
                PackageResources.dashboard_js, PackageResources.charts_js,
                PackageResources.incidents_js, PackageResources.map_js, PackageResources.triage_js,
            ]),
        page(
            "/flows", "The page of the flow history", PackageResources.flows_html,
            scripts: [PackageResources.flows_js]),
        page(
            "/risk", "The page of the risk of workloads", PackageResources.risk_html,
            scripts: [PackageResources.risk_js]),
    ]

    private static let style = HTMLTheme.stylesheet + text(PackageResources.dashboard_css)

    /// - Parameters:
    ///   - document: has an empty element for the style and one for the script.
    ///   - scripts: share one scope, in this order.
    private static func page(
        _ path: String, _ summary: String, _ document: [UInt8], scripts: [[UInt8]]
    ) -> Operation {
        let script = scripts.map(text).joined()
        let body = text(document)
            .replacing("<style></style>", with: "<style>\(style)</style>")
            .replacing("<script></script>", with: "<script>\(script)</script>")
        var page = Response(type: "text/html; charset=utf-8", body: .bytes(Array(body.utf8)))
        page.headers["Content-Security-Policy"] =
            "default-src 'none'; script-src '\(digest(script))'; style-src '\(digest(style))'; "
            + "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
            + "frame-ancestors 'none'"
        page.headers["Referrer-Policy"] = "no-referrer"
        return Operation(
            .get, path, summary, access: .anyone,
            answers: Operation.Answer(type: "text/html; charset=utf-8")
        ) { [page] _ in page }
    }

    /// The source expression that allows an element's text (Content Security Policy 3, 2.3.1).
    private static func digest(_ text: String) -> String {
        "sha256-" + Data(SHA256.hash(Array(text.utf8).span)).base64EncodedString()
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}

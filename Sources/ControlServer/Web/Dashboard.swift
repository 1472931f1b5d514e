internal import HTMLReport
internal import HTTPServer

/// The dashboard: a document, a style sheet and a script that reads the API.
///
/// The script inserts text from the network as `textContent` only, and the content security policy
/// allows only scripts that are served here.
enum Dashboard {
    static let operations: [Operation] = [
        operation("/", "The dashboard", "text/html", PackageResources.index_html),
        operation(
            "/dashboard.css", "The dashboard's style", "text/css",
            Array(HTMLTheme.stylesheet.utf8) + PackageResources.dashboard_css),
        operation(
            "/dashboard.js", "The dashboard's script", "text/javascript",
            PackageResources.dashboard_js),
        operation(
            "/charts.js", "The script of the charts", "text/javascript",
            PackageResources.charts_js),
        operation(
            "/incidents.js", "The script of the list of incidents", "text/javascript",
            PackageResources.incidents_js),
        operation("/map.js", "The script of the map", "text/javascript", PackageResources.map_js),
        operation(
            "/triage.js", "The script of states, mutes and the enforcement's switch",
            "text/javascript", PackageResources.triage_js),
        operation(
            "/flows", "The page of the flow history", "text/html", PackageResources.flows_html),
        operation(
            "/flows.js", "The script of that page", "text/javascript", PackageResources.flows_js),
        operation(
            "/risk", "The page of the risk of workloads", "text/html", PackageResources.risk_html),
        operation(
            "/risk.js", "The script of that page", "text/javascript", PackageResources.risk_js),
    ]

    private static func operation(
        _ path: String, _ summary: String, _ type: String, _ bytes: [UInt8]
    ) -> Operation {
        let type = type + "; charset=utf-8"
        return Operation(
            .get, path, summary, access: .anyone, answers: Operation.Answer(type: type)
        ) { _ in
            page(bytes, type)
        }
    }

    private static func page(_ bytes: [UInt8], _ type: String) -> Response {
        var response = Response(type: type, body: .bytes(bytes))
        response.headers["Content-Security-Policy"] =
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response
    }
}

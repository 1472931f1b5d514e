internal import HTMLReport
internal import HTTPServer

/// The dashboard: a document, a style sheet and a script, which reads what the API answers.
///
/// The script sets text from the network as `textContent` only, and the policy allows no script that
/// is not served here.
enum Dashboard {
    static let routes: [ControlRoutes.Route] = [
        .init(method: .get, path: "/", summary: "The dashboard", type: "text/html") { _, _, _ in
            page(PackageResources.index_html, "text/html; charset=utf-8")
        },
        .init(
            method: .get, path: "/dashboard.css", summary: "Its style", type: "text/css"
        ) { _, _, _ in
            page(stylesheet, "text/css; charset=utf-8")
        },
        .init(
            method: .get, path: "/dashboard.js", summary: "Its script", type: "text/javascript"
        ) { _, _, _ in
            page(PackageResources.dashboard_js, "text/javascript; charset=utf-8")
        },
    ]

    private static let stylesheet =
        Array(HTMLTheme.stylesheet.utf8) + PackageResources.dashboard_css

    private static func page(_ bytes: [UInt8], _ type: String) -> Response {
        var response = Response(type: type, body: .bytes(bytes))
        response.headers["Content-Security-Policy"] =
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response
    }
}

/// The colours, fonts and parts that all pages of Lazaret share. A report's page loads nothing: it
/// contains its style and its script.
public enum HTMLTheme {
    /// The shared style, with colours by the system's theme or by `data-theme` on the root. All
    /// text colours have a contrast of 4.5 or more on all backgrounds (WCAG 2.2, 1.4.3).
    public static let stylesheet = String(decoding: PackageResources.theme_css, as: UTF8.self)

    /// Switches between the system's theme and the other one, and opens details for printing.
    static let script = String(decoding: PackageResources.theme_js, as: UTF8.self)

    /// The SHA-256 of `script` in base 64; a page's policy allows only this script to run.
    static let scriptDigest = "YvSjU0SSQigE0azjUxWhuMm4rkNKi4ZBCN+t0eGjaSs="

    /// Returns a whole page: policy, style, a top line with brand and theme button, body, script.
    ///
    /// - Parameters:
    ///   - style: rules of this page in addition to the theme's.
    ///   - body: the content below the top line; it contains one `<main id="main">`.
    public static func page(title: String, style: String = "", body: HTML) -> String {
        let css = HTML(stringLiteral: stylesheet + style)
        let page: HTML = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" \
            content="default-src 'none'; style-src 'unsafe-inline'; \
            script-src 'sha256-\(scriptDigest)'; base-uri 'none'; form-action 'none'">
            <meta name="viewport" content="width=device-width,initial-scale=1">
            <meta name="referrer" content="no-referrer">
            <meta name="generator" content="Lazaret">
            <title>\(title)</title>
            <style>
            \(css)</style>
            </head>
            <body>
            <a class="skip" href="#main">Skip to the content</a>
            <div class="wrap">
            <div class="top"><p class="brand">Lazaret</p><button id="theme" type="button" \
            hidden>Theme</button></div>
            \(body)
            </div>
            <script>\(HTML(stringLiteral: script))</script>
            </body>
            </html>

            """
        return page.text
    }
}

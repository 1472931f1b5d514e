/// Colours, type and parts that every page of Lazaret shares. No page loads anything: style and
/// script stand in it.
public enum HTMLTheme {
    /// One colour with its value by day and by night.
    private struct Colour {
        var name: String
        var light: String
        var dark: String

        init(_ name: String, _ light: String, _ dark: String) {
            self.name = name
            self.light = light
            self.dark = dark
        }
    }

    /// All colours of text have a contrast of 4.5 and more on all backgrounds (WCAG 2.2, 1.4.3).
    private static let colours = [
        Colour("page", "#f4f5f7", "#10141a"),
        Colour("surface", "#ffffff", "#181e26"),
        Colour("sunken", "#eceef2", "#222a34"),
        Colour("line", "#d5dae1", "#303a47"),
        Colour("ink", "#18202b", "#e8ebf0"),
        Colour("muted", "#566172", "#9ca8b8"),
        Colour("link", "#1459a8", "#84b6f4"),
        Colour("alarm", "#b3261e", "#ff8b81"),
        Colour("watch", "#8a5300", "#f0b449"),
        Colour("clean", "#5b7f9e", "#6f93b3"),
        Colour("band", "#c9d8e6", "#33485c"),
    ]

    private static func variables(_ value: KeyPath<Colour, String>) -> String {
        colours.map { "--\($0.name):\($0[keyPath: value])" }.joined(separator: ";")
    }

    /// The colours: by the system's theme, or by `data-theme` on the root; paper is light.
    static var palette: String {
        let light = variables(\.light)
        let dark = variables(\.dark)
        return """
            :root{color-scheme:light;\(light)}
            @media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;\(dark)}}
            @media screen{:root[data-theme=dark]{color-scheme:dark;\(dark)}}

            """
    }

    /// Everything but the colours.
    static let rules = """
        *{box-sizing:border-box}
        html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
        body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",Ubuntu,Cantarell,"Liberation Sans",sans-serif;overflow-wrap:anywhere}
        section>:last-child{margin-bottom:0}
        .wrap{max-width:76rem;margin:0 auto;padding:0 1.5rem}
        a{color:var(--link);text-underline-offset:.15em}
        :focus-visible{outline:3px solid var(--link);outline-offset:2px}
        h1{font-size:1.9rem;line-height:1.2;margin:.2rem 0 .5rem;letter-spacing:-.015em;text-wrap:balance}
        h2{font-size:1.3rem;line-height:1.3;margin:0 0 .75rem}
        h3{font-size:1.05rem;line-height:1.4;margin:0}
        p{margin:.5rem 0;max-width:70ch}
        section{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:1.5rem;margin:1.25rem 0}
        code,pre{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
        pre{background:var(--sunken);border-radius:6px;padding:.75rem 1rem;margin:.5rem 0;white-space:pre-wrap}
        .muted{color:var(--muted)}
        .small{font-size:.875rem}
        .skip{position:absolute;left:-100vw}
        .skip:focus{left:1rem;top:1rem;background:var(--surface);padding:.5rem 1rem;z-index:9}
        .hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
        .brand{font-weight:600;color:var(--muted);margin:0}
        .top{display:flex;justify-content:space-between;align-items:center;gap:1rem;padding-top:1.5rem}
        button{font:inherit;font-size:.875rem;color:var(--ink);background:var(--surface);border:1px solid var(--line);border-radius:6px;padding:.35rem .75rem;min-height:2.25rem;cursor:pointer}
        button:hover{border-color:var(--muted)}
        nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;padding:0;margin:1rem 0 0}
        nav a{display:inline-block;padding:.25rem 0}
        table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
        caption{text-align:left;color:var(--muted);font-size:.875rem;padding:0 0 .5rem}
        th,td{text-align:left;vertical-align:top;overflow-wrap:break-word;padding:.45rem .75rem .45rem 0;border-bottom:1px solid var(--line);font-weight:400}
        thead th{color:var(--muted);font-size:.8rem;vertical-align:bottom;border-bottom-color:var(--muted)}
        tbody tr:last-child>*{border-bottom:0}
        th:last-child,td:last-child{padding-right:0}
        .n{text-align:right;white-space:nowrap}
        .nowrap{white-space:nowrap}
        .scroll{overflow-x:auto;overscroll-behavior-x:contain}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:1px;background:var(--line);border:1px solid var(--line);border-radius:8px;overflow:hidden;margin:1rem 0}
        .tiles>div{background:var(--surface);padding:.75rem 1rem}
        .tiles dt{color:var(--muted);font-size:.8rem}
        .tiles dd{margin:0;font-size:1.45rem;line-height:1.25;font-variant-numeric:tabular-nums;white-space:nowrap}
        .facts{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.25rem;margin:.75rem 0}
        .facts dt{color:var(--muted)}
        .facts dd{margin:0}
        .tag{display:inline-block;font-size:.8rem;line-height:1.4;font-weight:600;padding:.1rem .5rem;border:1.5px solid currentColor;border-radius:5px;white-space:nowrap}
        .fence{color:var(--alarm)}
        .seen{color:var(--watch)}
        svg{display:block;max-width:100%}
        svg text{fill:var(--ink);font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;font-variant-numeric:tabular-nums}
        svg .dim{fill:var(--muted)}
        details{margin:.75rem 0}
        summary{cursor:pointer;color:var(--link);padding:.25rem 0}
        footer{color:var(--muted);font-size:.875rem;padding:.5rem 0 2rem}
        @media (max-width:40rem){
        .wrap{padding:0 .75rem}
        section{padding:1rem .9rem;border-radius:8px}
        h1{font-size:1.5rem}
        .facts{grid-template-columns:1fr;gap:0}
        .facts dd{margin-bottom:.5rem}
        th,td{padding-right:.5rem}
        .tiles{grid-template-columns:1fr 1fr}
        .tiles>div:last-child:nth-child(odd){grid-column:1/-1}
        }
        @media print{
        @page{margin:14mm}
        html{font-size:12px}
        body{background:none}
        .wrap{max-width:none;padding:0}
        section{border:0;border-radius:0;padding:0;margin:0 0 1.5rem}
        button,nav,.skip{display:none}
        a{color:inherit;text-decoration:none}
        h2,h3,caption{break-after:avoid}
        tr,svg,figure,.keep{break-inside:avoid}
        .tiles,pre{break-inside:avoid}
        pre{border:1px solid var(--line)}
        .scroll{overflow:visible}
        }

        """

    /// Colours and rules as a style sheet, for pages that are served.
    public static var stylesheet: String { palette + rules }

    /// The button that goes round from the system's theme to the other one and back, and what paper needs.
    /// Pages are whole without it.
    static let script = """
        (()=>{const root=document.documentElement,button=document.getElementById('theme');\
        const dark=()=>root.dataset.theme?root.dataset.theme==='dark':matchMedia('(prefers-color-scheme:dark)').matches;\
        const label=()=>{button.textContent=dark()?'Light theme':'Dark theme'};\
        button.hidden=false;label();\
        button.addEventListener('click',()=>{root.dataset.theme=dark()?'light':'dark';label()});\
        matchMedia('(prefers-color-scheme:dark)').addEventListener('change',label);\
        addEventListener('beforeprint',()=>{for(const part of document.querySelectorAll('details'))part.open=true});})();
        """

    /// SHA-256 of `script` in base 64: the only script that a page lets run.
    static let scriptDigest = "MQH4oU1GRp+UtnnK2s/D6M1igU0VsKM9Kg2514GdDPg="

    /// A whole page: policy, style, a line with brand and theme's button, body, script.
    ///
    /// - Parameters:
    ///   - style: rules of this page beside the theme's.
    ///   - body: what stands below the top line; it holds one `<main id="main">`.
    public static func page(title: String, style: String = "", body: HTML) -> String {
        let css = HTML(stringLiteral: palette + rules + style)
        let page: HTML = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
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
            <div class="top"><p class="brand">Lazaret</p><button id="theme" type="button" hidden>Theme</button></div>
            \(body)
            </div>
            <script>\(HTML(stringLiteral: script))</script>
            </body>
            </html>

            """
        return page.text
    }
}

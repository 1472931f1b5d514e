internal import HTMLReport
internal import HTTPServer

/// The page for people: one document, one style sheet and one script, made of the same answers that programs get.
///
/// Nothing in it is built from text of the network but by `textContent`, and the policy lets nothing run that does not come
/// from here.
enum Dashboard {
    static let routes: [ControlRoutes.Route] = [
        .init(method: .get, path: "/", summary: "The dashboard", type: "text/html") { _, _, _ in
            page(document, "text/html; charset=utf-8")
        },
        .init(
            method: .get, path: "/dashboard.css", summary: "Its style", type: "text/css"
        ) { _, _, _ in
            page(HTMLTheme.stylesheet + style, "text/css; charset=utf-8")
        },
        .init(
            method: .get, path: "/dashboard.js", summary: "Its script", type: "text/javascript"
        ) { _, _, _ in
            page(script, "text/javascript; charset=utf-8")
        },
    ]

    private static func page(_ text: String, _ type: String) -> Response {
        var response = JSONText.response(text, type: type)
        response.headers["Content-Security-Policy"] =
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response
    }

    static let document = #"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width,initial-scale=1">
        <title>Lazaret</title>
        <link rel="icon" href="data:,">
        <link rel="stylesheet" href="/dashboard.css">
        <script src="/dashboard.js" defer></script>
        </head>
        <body>
        <a class="skip" href="#main">Skip to the content</a>
        <div class="wrap">
        <div class="top"><p class="brand">Lazaret <span id="node" class="small"></span></p>
        <p class="small"><span id="live" role="status">connecting</span> <button id="theme" type="button">Theme</button></p></div>
        <form id="login" hidden>
        <label for="token">Token of this node (control.token_file)</label>
        <input id="token" type="password" autocomplete="off" required minlength="16">
        <button type="submit">Look in</button><p id="refused" role="alert"></p>
        </form>
        <main id="main" hidden>
        <h1 id="headline">One moment</h1>
        <ul id="troubles"></ul>
        <div id="learning" hidden><label for="progress">Learning what is usual</label>
        <progress id="progress" max="100"></progress><p id="learnt" class="small muted"></p></div>
        <dl class="tiles" id="tiles"></dl>
        <figure><figcaption class="small muted">Packets a second, last ten minutes</figcaption>
        <svg id="rates" role="img" viewBox="0 0 600 60" preserveAspectRatio="none"></svg></figure>
        <section aria-labelledby="h-fences"><h2 id="h-fences">Fenced</h2>
        <div class="scroll"><table id="fences"><caption id="fences-caption"></caption>
        <thead><tr><th scope="col">Target</th><th scope="col">Time left</th><th scope="col" class="n">Packets held back</th><th scope="col">Why</th><th scope="col"><span class="hidden">Release</span></th></tr></thead>
        <tbody></tbody></table></div></section>
        <section aria-labelledby="h-incidents"><h2 id="h-incidents">Incidents</h2>
        <p id="quiet" class="muted" hidden>None so far: all traffic is as the model knows it.</p>
        <div id="incidents"></div><p><button id="older" type="button" hidden>Older ones</button></p></section>
        <section aria-labelledby="h-scores"><h2 id="h-scores">Scores of workloads</h2>
        <p class="controls"><label>Filter <input id="filter" type="search" autocomplete="off"></label>
        <label>Time <select id="span"><option value="60">1 hour</option><option value="360">6 hours</option><option value="1440">24 hours</option></select></label></p>
        <p class="small muted">Each cell is the highest score of some minutes; empty where a workload stayed in its baseline.</p>
        <div id="scores"></div><p id="more" class="small muted"></p></section>
        <section aria-labelledby="h-map"><h2 id="h-map">Who talks to whom</h2>
        <p class="small muted" id="map-words"></p>
        <svg id="map" role="img" aria-labelledby="h-map map-words" viewBox="0 0 720 560"></svg></section>
        </main>
        <dialog id="ask" aria-labelledby="ask-title"><form method="dialog">
        <h2 id="ask-title">Release</h2><p id="ask-words"></p>
        <label for="reason">Why, for the audit trail</label><input id="reason" maxlength="200" value="released on the dashboard">
        <p class="buttons"><button value="no">Keep it</button> <button value="yes" id="yes" class="danger">Release</button></p>
        </form></dialog>
        <footer><p id="about"></p></footer>
        </div>
        </body>
        </html>

        """#

    /// What is not the theme's.
    static let style = """
        #live::before{content:"";display:inline-block;width:.6rem;height:.6rem;border-radius:50%;background:var(--muted);margin-right:.4rem}
        #live.good::before{background:var(--clean)}
        #live.bad{color:var(--alarm)}
        #live.bad::before{background:var(--alarm)}
        #troubles{padding:0;margin:.5rem 0;list-style:none}
        #troubles li{color:var(--alarm);font-weight:600}
        #login{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:1.5rem;margin:2rem 0}
        #login label{display:block;margin-bottom:.5rem}
        #refused{color:var(--alarm)}
        input,select{font:inherit;color:var(--ink);background:var(--page);border:1px solid var(--line);border-radius:6px;padding:.35rem .6rem;min-height:2.25rem;max-width:100%}
        progress{width:100%;height:1rem;accent-color:var(--link)}
        figure{margin:1rem 0}
        #rates{width:100%;height:60px;background:var(--surface);border:1px solid var(--line);border-radius:6px}
        #rates path{fill:var(--band);stroke:var(--clean);stroke-width:1;vector-effect:non-scaling-stroke}
        .controls{display:flex;flex-wrap:wrap;gap:.5rem 1.5rem}
        .incident{border-top:1px solid var(--line);margin:0;padding:.6rem 0}
        .incident summary{color:var(--ink);display:grid;grid-template-columns:7rem 10rem 1fr;gap:.25rem 1rem;align-items:baseline}
        .incident .why{grid-column:3}
        .incident .tag{justify-self:start}
        .reasons{list-style:none;padding:0;margin:.75rem 0}
        .reasons li{margin:0 0 .75rem}
        .reasons svg{width:100%;height:18px}
        .track{fill:var(--sunken)}
        .band{fill:var(--band)}
        .value{fill:var(--alarm)}
        .row{display:grid;grid-template-columns:minmax(6rem,14rem) 1fr 3rem;gap:.75rem;align-items:center;padding:.15rem 0}
        .row>span:first-child{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
        .row svg{width:100%;height:18px}
        .cell{fill:var(--watch)}
        .cell.high{fill:var(--alarm)}
        #map{width:100%;height:auto}
        #map line{stroke:var(--line);stroke-width:1.2}
        #map circle{fill:var(--clean)}
        #map circle.offender{fill:var(--alarm)}
        #map circle.watched{fill:var(--watch)}
        dialog{background:var(--surface);color:var(--ink);border:1px solid var(--line);border-radius:10px;padding:1.5rem;max-width:32rem;width:calc(100% - 2rem)}
        dialog::backdrop{background:#0008}
        dialog input{width:100%}
        .buttons{display:flex;justify-content:flex-end;gap:.75rem;margin-top:1rem}
        .danger{border-color:var(--alarm);color:var(--alarm)}
        @media (max-width:40rem){
        .incident summary{grid-template-columns:1fr 1fr}
        .incident .who,.incident .why{grid-column:1/-1}
        .row{grid-template-columns:1fr 3rem}
        #fences thead{display:none}
        #fences tr{display:grid;grid-template-columns:1fr auto;gap:.15rem 1rem;padding:.75rem 0;border-bottom:1px solid var(--line)}
        #fences tr>*{border:0;padding:0}
        #fences td:nth-child(3)::after{content:" packets held back"}
        #fences td:nth-child(4){grid-column:1/-1}
        #fences td:nth-child(3){text-align:left}
        #fences td:nth-child(5){grid-column:2;grid-row:1;justify-self:end}
        #fences .left{grid-column:1}
        .row svg{grid-column:1/-1;grid-row:2}
        }

        """
}

internal import NetworkAddresses

/// Addresses and names that many share: what one of their users did is no sign of the others.
enum SharedServices {
    /// The published ranges of Cloudflare (cloudflare.com/ips) and Fastly
    /// (api.fastly.com/public-ip-list), and the public resolvers that lists have had by mistake.
    private static let prefixes: [(IPPrefix, String)] = [
        (
            "Cloudflare's proxies",
            [
                "173.245.48.0/20", "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22",
                "141.101.64.0/18", "108.162.192.0/18", "190.93.240.0/20", "188.114.96.0/20",
                "197.234.240.0/22", "198.41.128.0/17", "162.158.0.0/15", "104.16.0.0/13",
                "104.24.0.0/14", "172.64.0.0/13", "131.0.72.0/22", "2400:cb00::/32",
                "2606:4700::/32", "2803:f800::/32", "2405:b500::/32", "2405:8100::/32",
                "2a06:98c0::/29", "2c0f:f248::/32",
            ]
        ),
        (
            "Fastly's caches",
            [
                "23.235.32.0/20", "43.249.72.0/22", "103.244.50.0/24", "103.245.222.0/23",
                "103.245.224.0/24", "104.156.80.0/20", "140.248.64.0/18", "140.248.128.0/17",
                "146.75.0.0/17", "151.101.0.0/16", "157.52.64.0/18", "167.82.0.0/17",
                "172.111.64.0/18", "185.31.16.0/22", "199.27.72.0/21", "199.232.0.0/16",
                "2a04:4e40::/32", "2a04:4e42::/32",
            ]
        ),
        (
            "a public resolver",
            [
                "1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9", "149.112.112.112",
                "208.67.222.222", "208.67.220.220", "2606:4700:4700::1111",
                "2606:4700:4700::1001", "2001:4860:4860::8888", "2001:4860:4860::8844",
                "2620:fe::fe",
            ]
        ),
    ].flatMap { what, texts in texts.compactMap { IPPrefix($0) }.map { ($0, what) } }

    private static let names: Set<String> = [
        "amazonaws.com", "azureedge.net", "azurewebsites.net", "backblazeb2.com", "blogspot.com",
        "cloudflare.com", "cloudfront.net", "discord.com", "discordapp.com", "dropbox.com",
        "dropboxusercontent.com", "fastly.net", "github.com", "github.io", "githubusercontent.com",
        "gitlab.com", "google.com", "googleapis.com", "googleusercontent.com", "herokuapp.com",
        "microsoft.com", "netlify.app", "ngrok.io", "onrender.com", "pages.dev", "pastebin.com",
        "t.me", "telegram.org", "vercel.app", "weebly.com", "windows.net", "wixsite.com",
        "wordpress.com", "workers.dev",
    ]

    /// Who shares an address; nil: nobody that is known.
    static func sharers(of address: IPAddress) -> String? {
        // The narrowest: a resolver is in a proxy's range.
        prefixes.filter { $0.0.contains(address) }.max { $0.0.length < $1.0.length }?.1
    }

    /// Whether a name is that of a service for everybody. A name below it is one user's.
    static func isShared(name: String) -> Bool { names.contains(name) }
}

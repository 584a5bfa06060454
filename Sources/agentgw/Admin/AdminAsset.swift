// The files of the admin page, which are in the binary. They hold nothing of the configuration.

struct AdminAsset {
    let bytes: [UInt8]
    let contentType: StaticString

    /// Nothing but the page's own files may run, be shown or be asked; no page may put this one in a frame.
    static let headers = [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
                + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
        ),
        ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"), ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-cache"),
    ]

    init?(path: String) {
        switch path {
        case "/ui", "/ui/":
            bytes = PackageResources.index_html
            contentType = "text/html; charset=utf-8"
        case "/ui/page.js":
            bytes = PackageResources.page_js
            contentType = "text/javascript; charset=utf-8"
        case "/ui/page.css":
            bytes = PackageResources.page_css
            contentType = "text/css; charset=utf-8"
        case "/ui/icon.svg", "/favicon.ico":
            bytes = PackageResources.icon_svg
            contentType = "image/svg+xml"
        default: return nil
        }
    }
}

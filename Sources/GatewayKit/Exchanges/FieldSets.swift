// Which fields are whose: names that speak for more than one service, and names that speak for a proxy.

import HTTPCodec

extension HTTPFieldSet {
    /// Of a response, what browsers apply to the whole origin or keep for it, and not for the page that came with it. Beneath
    /// the prefix all agents and the gateway's own pages are one origin, so no service may say these for the others. `Alt-Svc`
    /// is apart.
    static let speaksForTheOrigin: HTTPFieldSet = [
        // Storage, cookies and cache of all.
        "Clear-Site-Data",
        // How the host may be reached.
        .strictTransportSecurity, "Public-Key-Pins", "Public-Key-Pins-Report-Only", "Expect-CT",
        // Where reports about all go.
        "NEL", "Report-To", "Reporting-Endpoints",
        // What browsers send to all, and how pages of all are kept apart.
        "Accept-CH", "Accept-CH-Lifetime", "Critical-CH", "Origin-Agent-Cluster", "Use-As-Dictionary",
        // Who is logged in, by sessions that browsers keep.
        "Set-Login", "Sec-Session-Registration", "Secure-Session-Registration",
        // What a worker may reach: it could read what is typed into the login form.
        "Service-Worker-Allowed",
    ]

    /// Of a response, what is about the connection to the service, which no visitor has, or is no field for services.
    static let notForVisitors: HTTPFieldSet = [.errorMark, .xRequestID, "Alt-Svc", "Set-Cookie2"]

    /// Of a request, what the gateway sets itself, or what is about the connection to it; `Proxy` becomes a setting of CGI
    /// programs (`HTTP_PROXY`).
    static let notForServices: HTTPFieldSet = [.host, .forwarded, .xRequestID, "Proxy", "HTTP2-Settings"]
}

extension HTTPFieldName {
    /// The code of an error of the gateway's own: no service can set it.
    static let errorMark: HTTPFieldName = "x-miagent-error"
}

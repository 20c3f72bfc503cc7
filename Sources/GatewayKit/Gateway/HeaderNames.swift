// Which fields are whose: names that speak for more than one service, and names that speak for a proxy.

import HTTPCodec

extension HTTPFieldSet {
    /// Of a response, what browsers apply to the whole origin or keep for it, and not for the page that came with it. Beneath the
    /// prefix all agents and the gateway's own pages are one origin, so no service may say these for the others. `Alt-Svc` is apart.
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
    static let notForVisitors: HTTPFieldSet = [HeaderRules.errorMark, .xRequestID, "Alt-Svc", "Set-Cookie2"]

    /// Of a request, what the gateway sets itself, or what is about the connection to it; `Proxy` becomes a setting of CGI programs
    /// (`HTTP_PROXY`).
    static let notForServices: HTTPFieldSet = [.host, .forwarded, .xRequestID, "Proxy", "HTTP2-Settings"]

    /// Of a request, what services believe because a proxy has written it: where the visitor is, what was asked for, and who it is.
    static let saysAProxy: HTTPFieldSet = [
        "X-Real-IP", "True-Client-IP", "X-Client-IP", "Client-IP", "X-Cluster-Client-IP", "X-Forwarded", "X-Originating-IP",
        "X-Remote-IP", "X-Remote-Addr", "X-ProxyUser-IP", "WL-Proxy-Client-IP", "Proxy-Client-IP", "CF-Connecting-IP",
        "CF-Connecting-IPv6", "CF-Pseudo-IPv4", "CF-IPCountry", "CF-Visitor", "Fastly-Client-IP", "Fly-Client-IP",
        "X-Azure-ClientIP", "X-Azure-SocketIP", "X-AppEngine-User-IP", "X-Envoy-External-Address", "Ali-CDN-Real-IP",
        "X-Original-URL", "X-Original-URI", "X-Original-Host", "X-Original-Method", "X-Rewrite-URL", "X-Envoy-Original-Path",
        "X-Scheme", "X-Url-Scheme", "X-Script-Name", "Front-End-Https", "X-Host",
        "Remote-User", "X-Remote-User", "X-Authenticated-User", "X-WebAuth-User", "X-Auth-Request-User",
        "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-SSL-Client-Cert", "X-SSL-Client-Verify", "X-SSL-Client-S-DN",
        "X-Client-Cert", "X-Client-Verify", "SSL-Client-Cert", "SSL-Client-Verify",
    ]
}

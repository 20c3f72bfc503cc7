// What proxies say of a request beside the fields that RFC 9110 and RFC 7239 know. There is no registry of such names: these
// are those of well-known servers, clouds and authenticating proxies.

extension HTTPFieldSet {
    /// Of a request, what services trust because a proxy has written it: where the visitor is, what was asked for, and who it
    /// is. (`Forwarded` and `X-Forwarded-*` are apart.)
    public static let saysAProxy: HTTPFieldSet = [
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

// Paths that climb out of where they begin, however any reader may read them.

import HTTPCodec
import TestSupport
import Testing

@Suite struct PathDotsTests {
    @Test(arguments: [
        "/..", "/../", "/../admin", "/./../x", "//../x", "/a/../../x", "/a/..//../x", "/a//../../x",
        "/%2e%2e/x", "/.%2E/x", "/%2e./x", "/%252e%252e/x", "/%25252e./x", "/..%2fx", "/..%2F", "/..%5cx", "/..\\x", "\\..\\x",
        "/a\\..\\..\\x", "/a%2f../../x", "/a%2fb/../../x", "/a%5cb/../../x", "/..;/x", "/..;a=b/x", "/..%3b/x", "/;/../x",
        "/..%00/x", "/..%00.html", "/..%20/x", "/%20../x", "/..%09/x", "/..?", "/..%3fx", "/..%23/x", "/%c0%ae%c0%ae/x",
        "/%c0%ae./x", "/..%c0%afx", "/%25c0%25ae./x", "/.;/../x", "/a/..;/..;/x", "/a/%2e%2e%2f%2e%2e%2fx", "/a/../b/../../x",
        "/..%252fx", "/x%2f..%2f..%2fy",
    ])
    func leadsOut(path: String) { #expect(PathDots.climb(Array(path.utf8)[...])) }

    @Test(arguments: [
        "/", "/a", "/.", "/./", "/...", "/.../x", "/..a", "/a..", "/.well-known/x", "/a/../b", "/a/..", "/a/b/../../c",
        "/x%2Fy/../z",
        "/%", "/%2", "/%zz", "/100%25", "/a%20b", "/a;b=c/../d", "/a.b/c.d", "/%e2%80%a6/x", "/a/b/..%2f..", "/..%c0",
        "/a%2e%2e", "",
        "/x/%2e%2e/y", "/v1.2/...%2f", "/a/%252e%252e",
    ])
    func staysInside(path: String) { #expect(!PathDots.climb(Array(path.utf8)[...])) }
}

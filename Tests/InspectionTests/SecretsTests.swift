// Which values are masked before an inspector keeps them, and which are not.

import HTTPCodec
import Testing

@testable import Inspection

@Suite struct SecretsTests {
    private func masked(_ name: HTTPFieldName, _ value: String) throws -> String {
        var fields = HTTPFields()
        try fields.append(name, bytes: Array(value.utf8)[...])
        let value = try #require(Secrets.masked(fields).first(name))
        return String(decoding: value, as: UTF8.self)
    }

    private func target(_ text: String) -> String {
        String(decoding: Secrets.masked(target: Array(text.utf8)), as: UTF8.self)
    }

    @Test(
        arguments: [
            ("Authorization", "Bearer abc", "Bearer •••"), ("authorization", "Basic dTpw", "Basic •••"),
            ("Authorization", "abc", "•••"), ("Proxy-Authorization", "Digest a=1, b=2", "Digest •••"),
            ("Cookie", "a=1; b=2", "a=•••; b=•••"), ("Cookie", "naked", "•••"), ("Cookie", "a=x=y;b=", "a=•••;b=•••"),
            ("Set-Cookie", "sid=abc; Path=/; HttpOnly", "sid=•••; Path=/; HttpOnly"), ("Set-Cookie", "abc", "•••"),
            ("X-Api-Key", "abc", "•••"), ("x-auth-token", "abc", "•••"), ("X-CSRF-Token", "abc", "•••"),
            ("X-Amz-Security-Token", "abc", "•••"), ("X-Hub-Signature-256", "sha256=1", "•••"),
            ("Location", "/next?code=abc&page=2", "/next?code=•••&page=2"),
            ("Location", "https://app/#access_token=abc&x=1", "https://app/#access_token=•••&x=1"),
            ("Referer", "http://h/p?token=abc", "http://h/p?token=•••"),
        ])
    func secretFields(_ name: String, _ value: String, _ expected: String) throws {
        #expect(try masked(HTTPFieldName(name), value) == expected)
    }

    @Test(
        arguments: [
            ("Accept", "text/html"), ("Content-Type", "application/json"), ("Location", "/next"), ("ETag", "\"abc\""),
            ("Access-Control-Allow-Credentials", "true"), ("X-Request-ID", "abc"), ("Keep", ""),
        ])
    func otherFieldsStay(_ name: String, _ value: String) throws {
        #expect(try masked(HTTPFieldName(name), value) == value)
    }

    @Test func orderAndRepetitionStay() throws {
        var fields = HTTPFields()
        for (name, value) in [("A", "1"), ("Set-Cookie", "x=1"), ("B", "2"), ("Set-Cookie", "y=2; Secure")] {
            try fields.append(HTTPFieldName(name), value)
        }
        let lines = Secrets.masked(fields).map { "\($0.nameString): \(String(decoding: $0.value, as: UTF8.self))" }
        #expect(lines == ["A: 1", "Set-Cookie: x=•••", "B: 2", "Set-Cookie: y=•••; Secure"])
    }

    @Test(
        arguments: [
            ("/a?token=abc", "/a?token=•••"), ("/a?x=1&access_token=abc&y=2", "/a?x=1&access_token=•••&y=2"),
            ("/?api_key=k&password=p", "/?api_key=•••&password=•••"), ("/?X-Amz-Signature=00", "/?X-Amz-Signature=•••"),
            ("/?%74oken=abc", "/?%74oken=•••"), ("/?TOKEN=abc", "/?TOKEN=•••"), ("/?client_secret=a&", "/?client_secret=•••&"),
        ])
    func secretParameters(_ text: String, _ expected: String) { #expect(target(text) == expected) }

    @Test(
        arguments: [
            "/", "/a/token/abc", "/a?page=2&q=token", "/a?", "/a?token", "/a?token=", "/?&&x&=", "/a?tokens=3", "/?state=open",
        ])
    func otherTargetsStay(_ text: String) { #expect(target(text) == text) }

    // MARK: By kind

    @Test(
        arguments: [
            "token", "accessToken", "access_token", "X-Auth-Token", "clientSecret", "CLIENT_SECRET", "client-secret",
            "clientsecret",
            "apiKey", "api.key", "APIKEY", "AWSAccessKeyId", "x-functions-key", "Ocp-Apim-Subscription-Key", "password",
            "user[password]",
            "newPassword2", "passwd", "pwd", "userPwd", "pass", "auth", "X-Goog-Iap-Jwt-Assertion", "Cf-Access-Jwt-Assertion",
            "sessionId", "PHPSESSID", "jsessionid", "sid", "sig", "X-Amz-Signature", "credential", "X-Amz-Credential", "code",
            "auth_code", "code_verifier", "SAMLResponse", "oauth_token", "csrfmiddlewaretoken", "X-XSRF-TOKEN", "otp",
            "private_key",
            "X-Shopify-Hmac-Sha256", "bearer", "key", "refresh-token", "idToken", "pin",
        ])
    func namesOfSecrets(_ name: String) { #expect(target("/?\(name)=abc&x=1") == "/?\(name)=•••&x=1") }

    @Test(
        arguments: [
            "tokens", "max_tokens", "token_type", "x-ratelimit-remaining-tokens", "status_code", "errorCode", "monkey",
            "sortKey",
            "primary_key", "cache-key", "keyboard", "passed", "compass", "author", "authority", "sidebar", "design", "signal",
            "pinned",
            "decode", "barcode", "page", "q", "state", "password_strength", "signature_algorithm", "tokenizer", "keys",
            "sessionName",
        ])
    func otherNames(_ name: String) { #expect(target("/?\(name)=abc") == "/?\(name)=abc") }

    private static let webToken = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
    private static let key = "sk-proj-abcDEF0123456789abcd"

    @Test(
        arguments: [
            ("X-Custom", webToken, "•••"), ("X-Custom", "a \(webToken), b", "a •••, b"), ("X-Custom", key, "•••"),
            ("X-Custom", "ghp_0123456789abcdefABCDEF0123456789abcd", "•••"),
            ("X-Custom", "id AKIAIOSFODNN7EXAMPLE!", "id •••!"),
            ("X-Custom", "Zx8kQ2mN7pR4tV9wY1bC3dF6gH5jL0sA", "•••"),
            ("X-Custom", "https://user:pw@h.example/", "https://•••@h.example/"),
            (
                "Link", "<https://h/a?access_token=abc>; rel=next, </b?page=2>",
                "<https://h/a?access_token=•••>; rel=next, </b?page=2>"
            ),
            ("Refresh", "0; url=/a?token=abc", "0; url=/a?token=•••"), ("Location", "//u:p@h/", "//u:p@h/"),
            ("Location", "https://u:p@h/x#id_token=abc&state=1", "https://•••@h/x#id_token=•••&state=1"),
            ("Referer", "https://h/?next=%2Fcb%3Ftoken%3Dabc&x=1", "https://h/?next=•••&x=1"),
            ("Destination", "http://u@h/dav", "http://•••@h/dav"),
            ("HX-Current-URL", "http://h/?api_key=abc", "http://h/?api_key=•••"),
            ("Sec-WebSocket-Protocol", "graphql-ws, abc123", "graphql-ws, •••"),
            ("Sec-WebSocket-Protocol", "base64url.bearer.authorization.k8s.io.abc", "•••"),
            ("X-Goog-Iap-Jwt-Assertion", "abc", "•••"), ("X-RateLimit-Tokens", "149984", "149984"),
            ("X-Tokens", "abcdefgh01234567", "•••"), ("X-Any", "a;jsessionid=abc", "a;jsessionid=•••"),
        ])
    func secretValues(_ name: String, _ value: String, _ expected: String) throws {
        #expect(try masked(HTTPFieldName(name), value) == expected)
    }

    @Test(
        arguments: [
            (
                "User-Agent",
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
            ),
            ("ETag", "\"Zx8kQ2mN7pR4tV9wY1bC3dF6gH5jL0sA\""), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ("X-Commit", "e6a0466f2b1c4d5e6f708192a3b4c5d6e7f80910"),
            ("X-Trace", "123e4567-e89b-12d3-a456-426614174000-123e4567"),
            ("Idempotency-Key", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ("Content-Type", "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gWx9Zq2P"),
            ("Cache-Control", "max-age=3600, stale-while-revalidate=60"), ("Keep-Alive", "timeout=5"),
            ("X-Lang", "sk-SK, sk;q=0.9"),
            ("X-Words", "getElementByIdAndThenDoSomethingElseWithIt2"),
            ("X-Slug", "my-long-slug-with-2-words-and-some-more-of-them"),
            ("Referer", "http://h/web/pi/index.html?page=2#top"), ("WWW-Authenticate", "Bearer realm=\"miagent\""),
            ("Sec-WebSocket-Protocol", "v1.kernel.websocket.jupyter.org"), ("X-Mail", "a@b.example"),
        ])
    func otherValuesStay(_ name: String, _ value: String) throws { #expect(try masked(HTTPFieldName(name), value) == value) }

    @Test(
        arguments: [
            ("/v1/\(webToken)/x?y=1", "/v1/•••/x?y=1"), ("/bot/ghp_0123456789abcdefABCDEF0123456789abcd", "/bot/•••"),
            ("/a;jsessionid=abc?x=1", "/a;jsessionid=•••?x=1"), ("/?q=\(webToken)&x=1", "/?q=•••&x=1"),
            ("/?u=https%3A%2F%2Fu%3Ap%40h%2F", "/?u=•••"), ("/?user%5Bpassword%5D=x", "/?user%5Bpassword%5D=•••"),
            ("/?clientSecret=abc#x", "/?clientSecret=•••#x"), ("http://u:p@h/a?b", "http://•••@h/a?b"),
        ])
    func secretsInTargets(_ text: String, _ expected: String) { #expect(target(text) == expected) }

    @Test func maskingTwiceIsMaskingOnce() throws {
        let parts = [
            "?", "&", "=", "#", ";", ",", " ", "\"", "%", "%3D", "%3F", "/", "://", "@", "token", "a", "eyJhbGciOiJ", ".",
            "sk-", "x1Y2",
            "Zx8kQ2mN7pR4tV9wY1bC3dF6gH5jL0sA", "•••", "'", "<", ">", "key", "Bearer ",
        ]
        var state: UInt64 = 7
        for _ in 0..<4_000 {
            var text = "/"
            for _ in 0..<9 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                text += parts[Int(state >> 33) % parts.count]
            }
            #expect(target(target(text)) == target(text), "\(text)")
            #expect(SecretBodies.masked(Array("{\"a\":\"\(text)".utf8), HTTPFields())?.isEmpty != true)
        }
    }

    // MARK: Bodies

    private func body(_ text: String, _ type: String) throws -> String {
        var fields = HTTPFields()
        if !type.isEmpty { try fields.append(.contentType, type) }
        return SecretBodies.masked(Array(text.utf8), fields).map { String(decoding: $0, as: UTF8.self) } ?? text
    }

    @Test(
        arguments: [
            ("user=bob&password=hunter2&x=1", "application/x-www-form-urlencoded", "user=bob&password=•••&x=1"),
            (
                "{\"user\":\"bob\",\"password\":\"hunter2\",\"otp\": 123456}", "application/json",
                "{\"user\":\"bob\",\"password\":\"•••\",\"otp\": \"•••\"}"
            ),
            (
                "{\"access_token\" : \"a\\\"b\", \"expires_in\":3600,\"token_type\":\"bearer\"}",
                "application/json; charset=utf-8",
                "{\"access_token\" : \"•••\", \"expires_in\":3600,\"token_type\":\"bearer\"}"
            ),
            (
                "{\"credentials\":{\"a\":[\"x\",1]},\"b\":\"y\"}", "application/problem+json",
                "{\"credentials\":{\"a\":[\"•••\",\"•••\"]},\"b\":\"y\"}"
            ),
            (
                "data: {\"apiKey\":\"abc\"}\n\ndata: {\"x\":1}\n\n", "text/event-stream",
                "data: {\"apiKey\":\"•••\"}\n\ndata: {\"x\":1}\n\n"
            ),
            ("{\"text\":\"use \(key) now\"}", "", "{\"text\":\"use ••• now\"}"),
            ("{\"secret\":\"cut her", "application/json", "{\"secret\":\"•••"),
            (
                "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhunter2\r\n--b\r\n",
                "multipart/form-data; boundary=b",
                "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n•••\r\n--b\r\n"
            ),
        ])
    func secretsInBodies(_ text: String, _ type: String, _ expected: String) throws {
        #expect(try body(text, type) == expected)
    }

    @Test(
        arguments: [
            (
                "{\"max_tokens\":100,\"usage\":{\"total_tokens\":12},\"code\":\"invalid_request\",\"key\":\"ArrowUp\",\"status_code\":404}",
                "application/json"
            ),
            ("password=hunter2", "text/plain"), ("[1,2,-3.5e7,true,null]", "application/json"),
            ("{\"token\":null,\"secret\":\"\"}", ""),
            ("{\"password\":", "application/json"), ("{\"session\":\"main\",\"tokens\":[\"a\",\"b\"]}", "application/json"),
        ])
    func otherBodiesStay(_ text: String, _ type: String) throws { #expect(try body(text, type) == text) }
}

// Request targets in their four forms, status phrases and dates.

import HTTPCodec
import TestSupport
import Testing

@Suite struct TargetTests {
    private func parse(_ target: String, _ method: String = "GET") -> HTTPTarget? {
        HTTPTarget.parse(Array(target.utf8)[...], method: method)
    }

    private func slice(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

    @Test func originFormsSplitAtTheFirstQuestionMark() {
        #expect(parse("/") == .origin(path: slice("/"), query: nil))
        #expect(parse("/a%2F/../b?") == .origin(path: slice("/a%2F/../b"), query: slice("")))
        #expect(parse("/a?b?c=/d") == .origin(path: slice("/a"), query: slice("b?c=/d")))
        #expect(parse("//evil.example/") == .origin(path: slice("//evil.example/"), query: nil))
        #expect(parse("/caf\u{e9}") == .origin(path: slice("/caf\u{e9}"), query: nil))
    }

    @Test func absoluteFormsNameAnAuthority() {
        #expect(
            parse("http://www.example.org/pub?x")
                == .absolute(scheme: slice("http"), authority: slice("www.example.org"), path: slice("/pub"), query: slice("x"))
        )
        #expect(
            parse("HTTP://[::1]:80")
                == .absolute(scheme: slice("HTTP"), authority: slice("[::1]:80"), path: slice(""), query: nil))
        #expect(
            parse("http://a?q") == .absolute(scheme: slice("http"), authority: slice("a"), path: slice(""), query: slice("q")))
        for target in [
            "http:/a", "http:a", "http://", "http:///a", "http://u@a/", "http://u:p@a/", "1http://a", ":a", "http://a:b/",
            "h_p://a",
        ] {
            #expect(parse(target) == nil, "\(target)")
        }
    }

    @Test func theOtherFormsBelongToTheirMethods() {
        #expect(parse("a.example:443", "CONNECT") == .authority(slice("a.example:443")))
        #expect(parse("[::1]:443", "CONNECT") == .authority(slice("[::1]:443")))
        for target in ["a.example", "a:", ":443", "/", "*", "http://a:1/", "a:b", "u@a:1", "[::1]"] {
            #expect(parse(target, "CONNECT") == nil, "\(target)")
        }
        #expect(parse("*", "OPTIONS") == .asterisk)
        for target in ["*", "a.example:443", "a", "", "/a b", "/a#b", "/\u{0}", "?q"] {
            #expect(parse(target) == nil, "\(target)")
        }
        #expect(parse("**", "OPTIONS") == nil)
    }

    @Test func phrasesAreThoseOfTheRegistry() {
        #expect(HTTPStatus.reason(for: 200) == "OK")
        #expect(HTTPStatus.reason(for: 413) == "Content Too Large")
        #expect(HTTPStatus.reason(for: 502) == "Bad Gateway")
        for status in [-1, 0, 199, 299, 418, 499, 599, 999] { #expect(HTTPStatus.reason(for: status) == "Unknown") }
    }

    @Test func datesAreReadInThreeFormsAndWrittenInOne() {
        #expect(HTTPDate.format(unixSeconds: 784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            #expect(HTTPDate.parse(text) == 784_111_777, "\(text)")
        }
        #expect(HTTPDate.parse("Wed Nov 16 08:49:37 1994") == 784_975_777)
        #expect(HTTPDate.format(unixSeconds: 0) == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(HTTPDate.format(unixSeconds: -5) == HTTPDate.format(unixSeconds: 0))
        #expect(HTTPDate.format(unixSeconds: .max) == "Fri, 31 Dec 9999 23:59:59 GMT")
        #expect(HTTPDate.parse("Thu, 29 Feb 2024 00:00:60 GMT") == 1_709_164_860)
        for text in [
            "", "now", "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 00 Nov 1994 08:00:00 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC", "Xyz, 06 Nov 1994 08:49:37 GMT",
            "Sun, 29 Feb 2023 00:00:00 GMT",
            "Sun, 06 Nov 1994  08:49:37 GMT", "Sun Nov 6 08:49:37 1994", ",", " ", "Sunday, 06-Nov-1994 08:49:37 GMT",
        ] {
            #expect(HTTPDate.parse(text) == nil, "\(text)")
        }
    }

    @Test func datesComeBackFromTheirText() {
        var random = SplitMix(seed: 1)
        for _ in 0..<2000 {
            let seconds = Int64(random.next() % 253_402_300_800)
            #expect(HTTPDate.parse(HTTPDate.format(unixSeconds: seconds)) == seconds)
        }
    }
}

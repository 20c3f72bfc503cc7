// Tokens: how they are found and how they are compared.

import HTTPCodec
import Testing

@testable import GatewayKit

@Suite struct AuthorizationTests {
    @Test func equalityInConstantTimeIsEquality() {
        let texts = ["", "a", "b", "ab", "aa", "aaa", "abab", "A", "secret", "secres", "tecret", "secretsecret", "\0", "a\0"]
        for left in texts {
            for right in texts {
                let isEqual = Authorization.equalInConstantTime(Array(left.utf8), Array(right.utf8))
                // An empty secret is none: it equals nothing, not even itself.
                #expect(isEqual == (left == right && !right.isEmpty), "\(left) \(right)")
            }
        }
    }

    @Test func oneOfSeveralTokensIsEnough() {
        #expect(Authorization.accepts("b", among: ["a", "b", "c"]))
        #expect(!Authorization.accepts("d", among: ["a", "b", "c"]))
        #expect(!Authorization.accepts("", among: ["a", ""]))
        #expect(!Authorization.accepts("a", among: []))
    }

    @Test func bearerTokensAreFoundWhateverTheCaseOfTheScheme() {
        let cases: [(String, String?)] = [
            ("Bearer abc", "abc"), ("bearer abc", "abc"), ("BEARER   abc", "abc"), ("Bearer a b", "a b"), ("Bearer", nil),
            ("Basic abc", nil), ("Bearerabc", nil), ("", nil), ("Bearer abc=", "abc="), ("Bearer \u{e9}", "\u{e9}"),
        ]
        for (value, token) in cases {
            #expect(Authorization.bearerToken(fields(("Authorization", value))) == token, "\(value)")
        }
        #expect(Authorization.bearerToken(HTTPFields()) == nil)
    }

    @Test func queryValuesArePercentDecoded() {
        let cases: [(String, String?)] = [
            ("token=abc", "abc"), ("a=b&token=abc&token=no", "abc"), ("token=a%20b%2B+", "a b++"), ("token=", ""),
            ("token", nil),
            ("xtoken=a", nil), ("Token=a", nil), ("token=%", nil), ("token=%4", nil), ("token=%zz", nil), ("token=%ff", nil),
            ("token=%c3%A9", "\u{e9}"), ("", nil), ("&&token=a&", "a"), ("token=a=b", "a=b"),
        ]
        for (query, value) in cases {
            #expect(Authorization.queryValue("token", in: Array(query.utf8)[...]) == value, "\(query)")
        }
        #expect(Authorization.queryValue("token", in: nil) == nil)
    }
}

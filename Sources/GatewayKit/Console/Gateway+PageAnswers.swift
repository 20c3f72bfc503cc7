// Pages on their way out, in the language of who asked.

import HTTPCodec
import WebConsole

extension Gateway {
    /// The language of pages for this request: what its address says, else its cookie, else what the browser asks for.
    func language(of head: HTTPRequestHead) -> Language {
        let chosen = Authorization.queryValue("lang", in: Router.pathAndQuery(of: head.target)?.query)
        return Language(chosen: chosen, accept: head.fields[.acceptLanguage])
    }
}

extension OwnAnswer {
    /// A page for people.
    static func page(_ page: Page, for head: HTTPRequestHead) -> OwnAnswer {
        var answer = OwnAnswer(200, type: "text/html; charset=utf-8", body: page.body)
        try? answer.fields.append("content-security-policy", page.contentSecurityPolicy)
        return answer
    }
}

// The errors of the gateway's own, for people: what happened, what to do, and the code and request that a report should name.

/// The page of an error of the gateway's own.
public enum ErrorPage {
    /// The page of `view`.
    public static func render(_ view: ErrorView, _ language: Language) -> Page {
        pages[language].page(values(view, language))
    }

    static func values(_ view: ErrorView, _ language: Language) -> TemplateValues {
        let texts = Texts.of(language)
        let key = "error.\(view.code)"
        let isKnown = texts[key + ".what"] != nil
        return [
            "title": .text(isKnown ? texts.text(key + ".title") : view.code), "status": .text("\(view.status)"),
            "what": .text(isKnown ? texts.text(key + ".what", view.values) : view.explanation),
            "todo": .text(isKnown ? texts.text(key + ".do", view.values) : ""),
            "code": .text(view.code), "requestID": .text(view.requestID),
        ]
    }

    /// Whether there are texts for `code`, in every language.
    public static func explains(_ code: String) -> Bool {
        Language.allCases.allSatisfy { language in
            ["title", "what", "do"].allSatisfy { Texts.of(language)["error.\(code).\($0)"] != nil }
        }
    }

    static let pages = PageTemplates { language in
        PageTemplate("error", PackageResources.error_html, style: PackageResources.single_css, language)
    }
}

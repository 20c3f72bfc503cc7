// The request inspector of one agent, the same in the gateway and in the agent itself.

/// The request inspector.
public enum InspectorPage {
    /// The page of `view`.
    public static func render(_ view: InspectorView, _ language: Language) -> Page {
        pages[language].page(values(view, language))
    }

    static func values(_ view: InspectorView, _ language: Language) -> TemplateValues {
        let title = Texts.of(language).text("inspector.title", ["title": view.title])
        return [
            "title": .text(title), "heading": .text(view.title), "wide": .flag(true), "agentID": .text(view.agentID ?? ""),
            "api": .text(view.api), "canReplay": .flag(view.canReplay),
            "home": .text(view.home ?? ""), "nav": .flag(view.agentID != nil),
        ]
    }

    static let pages = PageTemplates { language in
        PageTemplate(
            "inspector", PackageResources.inspector_html, style: PackageResources.inspector_css,
            script: PackageResources.inspector_body_js + PackageResources.events_js + PackageResources.inspector_js, language)
    }
}

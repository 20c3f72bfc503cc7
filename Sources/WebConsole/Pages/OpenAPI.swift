// The description of the gateway's API, as an ordinary file.

/// `openapi.json`.
public enum OpenAPI {
    /// The document, OpenAPI 3.1.
    public static var document: [UInt8] { PackageResources.openapi_json }
}

// The description of everything that programs may ask of a gateway, as an ordinary file.

/// `openapi.json`.
public enum OpenAPI {
    /// The document, OpenAPI 3.1.
    public static var document: [UInt8] { PackageResources.openapi_json }
}

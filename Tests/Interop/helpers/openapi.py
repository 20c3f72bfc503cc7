"""What the gateway says that it serves (/.miagent/openapi.json), and whether it does."""

import json

import jsonschema

from miagent_tests.visitors import curl


class Description:
    """The document of a gateway."""

    def __init__(self, gateway):
        self.document = json.loads(curl(f"{gateway.url}/.miagent/openapi.json").body)

    def schema(self, schema):
        """A checker of values by this schema of the document."""
        rooted = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": self.document["components"], **schema}
        return jsonschema.Draft202012Validator(rooted, format_checker=jsonschema.FormatChecker())

    def check_value(self, name, value):
        """Fails unless `value` is what the schema called `name` describes."""
        self.schema({"$ref": f"#/components/schemas/{name}"}).validate(value)

    def check(self, path, response, method="get"):
        """Fails unless the document lists the status of this response for `path`, and its body is as described there."""
        responses = self.document["paths"][path][method]["responses"]
        assert str(response.status) in responses, f"{path}: {response.status} is not described"
        described = responses[str(response.status)]
        if "$ref" in described:
            described = self.document["components"]["responses"][described["$ref"].rpartition("/")[2]]
        for name in described.get("headers", {}):
            assert response.all(name.lower()), f"{path}: no {name}"
        media_type = response["content-type"].partition(";")[0]
        assert media_type in described["content"], f"{path}: {media_type} is not described"
        if media_type == "application/json":
            self.schema(described["content"][media_type]["schema"]).validate(json.loads(response.body))

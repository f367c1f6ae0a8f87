"""YAML with positions, JSON Schema and diagnostics with carets; the one home of PyYAML and jsonschema."""

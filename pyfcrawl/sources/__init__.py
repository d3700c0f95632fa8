"""One pure module a source: build its URLs, turn its payloads into values."""

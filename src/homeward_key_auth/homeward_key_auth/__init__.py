"""Phones and watches as keys. docs/protocol/digital_key.md is the specification."""

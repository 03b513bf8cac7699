"""Homeward's command line: development tools around the workspace; no robot code."""

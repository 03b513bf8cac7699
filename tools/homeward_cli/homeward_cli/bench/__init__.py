"""Benchmarks: each module measures one thing and returns figures; `python -m homeward_cli.bench NAME [--json]`."""

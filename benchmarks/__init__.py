"""Measures the server beside small reference servers; see docs/performance.md."""

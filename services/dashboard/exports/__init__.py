"""Exports of values and quality: snapshots, tables, file formats, streaming responses."""

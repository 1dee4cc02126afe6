"""Synthetic turbine data, and the writer that stores it in a source."""

"""Synthetic turbine data, and how it is written into a source."""

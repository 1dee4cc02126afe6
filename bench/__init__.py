"""Measures Minuano beside scripts that do the same work, and tests its bounds under load."""

"""Measures Minuano beside two baseline scripts, and tests its bounds under load."""

"""Minuano on five hosts with a distance between them: network namespaces and a router."""

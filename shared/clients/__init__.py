"""The services' HTTP APIs, as those use them who are not one of the four."""

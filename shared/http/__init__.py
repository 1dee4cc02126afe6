"""The HTTP side of the services: the application, errors, parameters and encodings."""

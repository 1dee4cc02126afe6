"""What the HTTP services share: the application, problem details, parameters, encodings."""

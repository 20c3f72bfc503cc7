// The request inspector.

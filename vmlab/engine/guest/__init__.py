"""What runs inside a guest: an init script and an agent, on the standard library alone."""

"""Random C programs, and the ways to run them that must agree."""

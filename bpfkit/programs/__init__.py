"""Live programs: loading, the verifier's log, test runs."""

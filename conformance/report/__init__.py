"""Reports, made only from records."""

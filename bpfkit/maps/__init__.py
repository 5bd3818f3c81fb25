"""Live maps, one module for each family."""

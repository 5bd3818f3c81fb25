"""Other projects' interfaces, on top of ours."""

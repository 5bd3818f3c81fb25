"""bcc's tables, one module for each kind; ``opening.py`` tells which kind a map gets."""

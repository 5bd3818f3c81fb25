"""bcc's constructs as plain C: tree to tree, one file for each construct."""

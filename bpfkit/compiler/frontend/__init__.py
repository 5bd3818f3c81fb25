"""libclang's cursors to our tree."""

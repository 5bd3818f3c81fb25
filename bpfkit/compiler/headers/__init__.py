"""What stands before a program's text: types, constants, helpers and tracepoint structures."""

"""BPF instructions: bytes to fields, fields to text."""

"""bcc's own API, exactly, over bpfkit."""

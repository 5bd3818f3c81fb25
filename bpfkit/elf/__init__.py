"""What we ask of ELF files, over pyelftools."""

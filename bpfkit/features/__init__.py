"""What this kernel supports, found out by trying."""

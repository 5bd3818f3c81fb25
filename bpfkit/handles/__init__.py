"""What every live kernel object has: a descriptor, an id, information."""

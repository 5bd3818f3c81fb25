"""The only room that enters the kernel."""

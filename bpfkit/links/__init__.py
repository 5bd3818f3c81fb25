"""Attachments of programs to hooks, one module for each hook."""

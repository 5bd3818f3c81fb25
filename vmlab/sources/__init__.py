"""Where kernels come from: signed Debian packages, Ubuntu's mainline builds, files of the user."""

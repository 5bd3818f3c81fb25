"""What each command of the command line does, one module for each family."""

from vmlab.commands.catalogue import fetch, list_kernels
from vmlab.commands.guest import matrix, run, shell
from vmlab.commands.upkeep import doctor, prune

__all__ = ["doctor", "fetch", "list_kernels", "matrix", "prune", "run", "shell"]

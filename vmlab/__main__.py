"""``python -m vmlab``."""

import sys

from vmlab.cli import main

if __name__ == "__main__":
    sys.exit(main())

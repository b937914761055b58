"""`python -m ketaoutcomes` is the command line."""

import sys

from ketaoutcomes.cli import main

if __name__ == "__main__":
    sys.exit(main())

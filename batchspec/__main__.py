"""Let `python -m batchspec` be the console script."""

from batchspec.cli import main

if __name__ == "__main__":
    main()

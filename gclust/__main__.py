"""Entry point of ``python -m gclust``, which runs the command ``gclust``."""

from gclust.cli import main

if __name__ == "__main__":
    main()

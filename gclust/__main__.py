"""``python -m gclust`` is the command ``gclust``."""

from gclust.cli import main

if __name__ == "__main__":
    main()

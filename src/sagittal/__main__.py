"""The program, for ``python -m sagittal``."""

from sagittal.cli import main

if __name__ == "__main__":
    main()

"""``python -m sentinelqa``."""

from sentinelqa.cli import main

if __name__ == "__main__":
    main()

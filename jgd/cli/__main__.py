"""`python -m jgd.cli`, which is `jgd`."""

from jgd.cli import main

if __name__ == "__main__":
    main()

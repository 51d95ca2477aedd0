"""`python -m talka …`: the same command line as the installed `talka`."""

from talka.cli import main

if __name__ == "__main__":
    main()

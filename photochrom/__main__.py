"""`python -m photochrom`: the command without its script."""

from photochrom.command import main

if __name__ == "__main__":
    main()

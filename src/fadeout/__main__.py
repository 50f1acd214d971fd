"""`python -m fadeout` is the same as `fadeout`."""

from fadeout.cli import main

main()

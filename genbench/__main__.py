"""python -m genbench"""

from genbench.cli import main

main()

"""python -m upconv.cli"""

from upconv.cli import main

raise SystemExit(main())

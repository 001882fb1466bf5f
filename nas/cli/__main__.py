"""`python -m nas.cli` is `nas`."""

import sys

from nas.cli import main

sys.exit(main())

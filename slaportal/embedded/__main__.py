"""python -m slaportal.embedded"""

import sys

from slaportal.embedded.commands import main

sys.exit(main())

"""The child process of a conversion: `python -m homeward_cli.map_convert SOURCE RESULT NAME`.

People use `./homeward map`.
"""

import sys
from pathlib import Path

from .isolation import child

child(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])

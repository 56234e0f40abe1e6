"""CSV as reports answer it: see `web.csv_files`."""

from web.csv_files import csv_response as csv_response
from web.csv_files import safe_cell as safe_cell

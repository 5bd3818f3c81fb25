"""``python -m conformance.report RECORDS… -o PAGE``: write the support page from files of
records.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..record import read_records
from .support import emit_support


def main() -> None:
    """Read the records and write the page."""
    parser = argparse.ArgumentParser(prog="conformance.report", description=__doc__)
    parser.add_argument(
        "records", nargs="+", type=Path, help="files of records, oldest kernel first"
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    args.output.write_text(emit_support(r for path in args.records for r in read_records(path)))


if __name__ == "__main__":
    main()

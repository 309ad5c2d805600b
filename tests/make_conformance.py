"""Write tests/conformance.json anew: `python tests/make_conformance.py`.

Only for a change of a kernel's definition, never to make a failing build pass. What is written was
made by the installed kernels, which tests/metrics prove against exact references.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path

from miua.conformance import Case, digest, installed

SHAPES = ((5, 64, 64), (2, 61, 75), (3, 1, 1))
MASKS = (0xFF, 0xC0, 0x80)
SIMILARITY = ("structural_similarity", "structural_similarity_all_pairs")


def cases() -> list[Case]:
    made = []
    for shape in SHAPES:
        for mask in MASKS:
            for method in ("default", "ror", "uniform", "nri_uniform"):
                for P, R in ((8, 1.0), (8, 2.5), (12, 0.7)):
                    made.append(Case("lbp_histogram", 1, 1, shape, "uint8", mask, [P, R, method]))
            for P, R, method in ((8, 1.0, "default"), (24, 3.0, "default"), (24, 3.0, "uniform")):
                made.append(Case("lbp_codes", 1, 2, shape, "uint8", mask, [P, R, method]))
            for bins in (2, 64, 100, 256):
                made.append(Case("joint_histogram", 2, 3, shape, "uint8", mask, [bins]))
                for estimator in ("plug-in", "grassberger"):
                    options = [bins, estimator]
                    made.append(Case("entropy", 1, 4, shape, "uint8", mask, options))
                    made += [
                        Case(kernel, 2, 5, shape, "uint8", mask, options)
                        for kernel in ("mutual_information", "mutual_information_all_pairs")
                    ]
            if min(shape[1:]) >= 7:
                made += [Case(kernel, 2, 8, shape, "uint8", mask) for kernel in SIMILARITY]
        for mask in (0xFFFF, 0x00FF, 0xC000):
            for P, R, method in ((8, 1.0, "default"), (24, 3.0, "uniform")):
                made.append(Case("lbp_codes", 1, 6, shape, "uint16", mask, [P, R, method]))
    large = (2, 270, 260)  # more than 65535 pixels, and several strips
    made.append(Case("lbp_histogram", 1, 7, large, "uint8", 0xFF, [8, 1.0, "default"]))
    made += [
        Case("mutual_information", 2, 7, large, "uint8", 0x80, [64, estimator])
        for estimator in ("plug-in", "grassberger")
    ]
    for shape in ((3, 7, 7), (35, 9, 20), large):  # one window, several blocks, several strips
        made += [Case(kernel, 2, 9, shape, "uint8", 0xFF) for kernel in SIMILARITY]
    return made


def main() -> None:
    found = [replace(case, sha256=digest(case, installed)) for case in cases()]
    lines = ",\n".join(json.dumps(asdict(case)) for case in found)
    path = Path(__file__).with_name("conformance.json")
    path.write_text(f'{{"version": 1, "cases": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()

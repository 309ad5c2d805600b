"""From a number of the printed paper back to the run that it comes from.

The chain is read from the files themselves: values.json beside the paper, the table it names, the
sets' and runs' provenance. What can be checked on the way is checked.
"""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from miua.analysis.claims_table import read_claims_table
from miua.analysis.columns import READER, READERS
from miua.analysis.paper_claims import DECIDED_BY
from miua.errors import MiuaError
from miua.files import read_array, read_json, sha256_array, sha256_file
from miua.provenance import PROVENANCE
from miua.report.document import GENERATED
from miua.report.latex import SCHEMA, VALUES
from miua.study.compare import read_as_text
from miua.study.store import Results, read_cells

# A value of a whole table rests on many runs; this many are told in full.
SHOWN_IN_FULL = 3
LIKE_THE_UNKNOWN = 5


class Link(NamedTuple):
    """One link of the chain: what it is, which file or folder, and what that says."""

    kind: str
    place: str
    facts: tuple[str, ...] = ()


def trace(results: Path, name: str) -> list[Link]:
    """The chain of a value or claim, from the printed text to the training images.

    name: a value's id, its macro with or without the backslash, or the id of a claim or of a row of
    evidence. MiuaError: there is no paper in the results, no such value, or a file of the chain is
    missing.
    """
    opened = Results.open(results)
    values = read_values(opened)
    entry, row = _find(opened, values, name)
    sets, runs = entry.get("sets", []), entry.get("runs", [])
    epoch = None
    if row is not None:
        steps = [*_evidence_steps(opened, row)]
    else:
        steps = [Link("text", f"\\{entry['macro']}", (f"prints: {entry['text']}",))]
        steps += _source_steps(opened, entry)
    steps += _reader_steps(opened, (row or entry)["sources"])
    if len(sets) == 1:
        steps.append(_set_step(opened, sets[0]))
        epoch = int(read_json(opened.set(sets[0]) / PROVENANCE)["settings"]["epoch"])
    elif sets:
        steps.append(Link("sets", "sets/", (f"{len(sets)}: {', '.join(sets)}",)))
    steps += [_run_step(opened, run, epoch) for run in runs[:SHOWN_IN_FULL]]
    if rest := runs[SHOWN_IN_FULL:]:
        steps.append(Link("runs", "runs/", (f"and {len(rest)} more: {', '.join(rest)}",)))
    return steps


def read_values(results: Results) -> dict[str, Any]:
    """The values of values.json by id. MiuaError: it is missing or of another version."""
    path = results.paper / GENERATED / VALUES
    if not path.exists():
        remedy = f"Make that with: miua paper {results.folder}"
        raise MiuaError(f"{path} is missing: it is written with the paper. {remedy}")
    document = read_json(path)
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise MiuaError(f"{path} is not of schema {SCHEMA}. Make the paper again.")
    return dict(document["values"])


def _find(results: Results, values: dict[str, Any], name: str) -> tuple[Any, Any]:
    """The entry of a value, or that of the reason of a row of evidence together with the row.

    A claim of which no row has the name is found by the row that decides it.
    """
    claims, rows = _claims(results)
    wanted = name.removeprefix("\\")
    if wanted in {*claims} - {*rows}:
        wanted = next(iter(_decisions(claims[wanted]).values()))["evidence"]
    if wanted in {*rows} - {*values} and (reason := values.get(f"claim-{wanted}-reason")):
        return reason, rows[wanted]
    names = {entry["macro"]: entry for entry in reversed(values.values())} | values
    if wanted in names:
        return names[wanted], None
    known = [*names, *rows]
    near = difflib.get_close_matches(wanted, known, n=LIKE_THE_UNKNOWN, cutoff=0.5)
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    raise MiuaError(
        f"There is no value or claim {name!r} in the paper of {results.folder}.{hint} "
        f"All of them: miua trace --list {results.folder}"
    )


def _claims(results: Results) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """The paper's claims and the rows of evidence, by id; none if they were not judged."""
    if not results.claims_table.exists():
        return {}, {}
    document = read_claims_table(results)
    claims, rows = ({each["id"]: each for each in document[k]} for k in ("claims", "evidence"))
    return claims, rows


def _decisions(claim: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What decides a claim, by kind."""
    return {kind: claim[kind] for kind in DECIDED_BY if claim[kind]}


def _evidence_steps(results: Results, row: dict[str, Any]) -> Iterator[Link]:
    """From the paper's claim to the row of evidence and its test."""
    claim = _claims(results)[0][row["of"]]
    told = [f"{k}: {d['verdict']}, by {d['evidence']}" for k, d in _decisions(claim).items()]
    yield Link("claim", f"claims.json, {claim['id']}", (claim["claim"], *told))
    verdict = f"verdict: {row['verdict']}"
    facts = (row["claim"], verdict, f"reason: {row['reason']}", f"rests on: {row['basis']}")
    yield Link("row", f"claims.json, {row['id']}", facts)
    test = f"{row['test']}, thresholds {_pairs(row['thresholds'])}"
    numbers = [f"{word} = {value}" for word, value in row["numbers"].items()]
    yield Link("test", test, (*numbers, f"read from: {', '.join(row['sources']) or 'no table'}"))


def _source_steps(results: Results, entry: dict[str, Any]) -> Iterator[Link]:
    for place, source in enumerate(entry["sources"]):
        path, table = results.folder / source, source.endswith(".csv")
        facts: tuple[str, ...] = ("from all of its rows that apply",) if table else ()
        if place == 0 and entry.get("row"):
            facts = (f"row: {_pairs(entry['row'])}", f"column: {entry['column']}")
            facts += _fields(path, entry["row"]) if table else ()
        yield Link("table" if table else "file", source, facts)


def _reader_steps(results: Results, sources: Sequence[str]) -> Iterator[Link]:
    """The readers' files that their tables rest on, where one of these is among the sources."""
    if not any(source.startswith(f"tables/{READER}") for source in sources):
        return
    facts = []
    for name, digest in read_json(results.tables / f"{READERS}.json")["inputs"].items():
        if name.startswith(f"{READERS}/"):
            path = results.folder / name
            same = path.is_file() and sha256_file(path) == digest
            facts.append(f"{name}, sha256 {digest}{'' if same else ' (NOT that)'}")
    yield Link("readers", f"{READERS}/", tuple(facts))


def _fields(path: Path, row: dict[str, str]) -> tuple[str, ...]:
    """Every field of the row, as it stands in the table; of several rows, their number."""
    table = read_as_text(path)
    for column, text in row.items():
        table = table[table[column] == text]
    if len(table) != 1:
        return (f"{len(table)} rows",)
    fields = table.iloc[0].to_dict()
    return tuple(f"{name}: {text}" for name, text in fields.items() if text and name not in row)


def _set_step(results: Results, name: str) -> Link:
    record = read_json(results.set(name) / PROVENANCE)
    if record.get("not_made"):
        return Link("set", f"sets/{name}", (f"no images: {record['not_made']}",))
    settings, digest = record["settings"], record["outputs"]["images"]
    stack = results.set_stack(name)
    same = stack.exists() and sha256_array(read_array(stack)) == digest
    agrees = "as images.npy has it" if same else "NOT that of images.npy"
    facts = [
        f"{settings['images']} images, seed {settings['seed']}",
        f"checkpoint sha256: {record['inputs']['checkpoint']}",
        f"images sha256: {digest} ({agrees})",
    ]
    cells = read_cells(results)
    preparation = str(cells.loc[cells["set"] == name, "preparation"].iloc[0])
    measured = results.set_metrics(name).with_suffix(".json")
    if measured.exists():
        reference = read_json(measured)["inputs"]["real"]
        facts.append(f"measured against the images of sha256: {reference}")
    unseen = results.unseen(preparation) / PROVENANCE
    if unseen.exists():
        digest = read_json(unseen)["outputs"]["images"]
        facts.append(f"and against those that no training saw, of sha256: {digest}")
    return Link("set", f"sets/{name}", tuple(facts))


def _run_step(results: Results, run: str, epoch: int | None) -> Link:
    folder = results.run(run)
    record = read_json(folder / PROVENANCE)
    settings = record["settings"]
    dirty = " with uncommitted changes" if record.get("uncommitted_changes") else ""
    shown = {"training images": "training_size", "batch": "batch_size", "seed": "seed"}
    facts = [
        f"configuration: runs/{run}/config.yaml, sha256 {settings['config_sha256']}",
        ", ".join(f"{words} {settings[key]}" for words, key in shown.items()),
        f"code: commit {record.get('commit') or 'unknown'}{dirty}",
        f"log: runs/{run}/log.jsonl" + (f", line of epoch {epoch}" if epoch else ""),
        f"training images sha256: {record['inputs']['images']}",
    ]
    checkpoint = folder / "checkpoints" / f"epoch_{epoch or 0:04d}.json"
    if checkpoint.exists():
        facts.insert(0, f"checkpoint sha256: {read_json(checkpoint)['sha256']}")
    return Link("run", f"runs/{run}", tuple(facts))


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def as_lines(steps: Sequence[Link]) -> list[str]:
    """The chain as text: a line a link, what it says indented below."""
    told = ((f"{s.kind:<6} {s.place}", *(f"       {fact}" for fact in s.facts)) for s in steps)
    return [line for lines in told for line in lines]


def listing(results: Path) -> list[str]:
    """Every value that can be traced, one a line: its id and what is printed, evidence first."""
    opened = Results.open(results)
    values = read_values(opened)
    rows = [f"{name}: {row['verdict']}" for name, row in _claims(opened)[1].items()]
    return rows + [f"{name}: {entry['text']}" for name, entry in values.items()]

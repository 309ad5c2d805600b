"""Readers' files: what is accepted, and each reason to refuse one."""

import json

import pytest

from miua.errors import MiuaError
from miua.survey.answers import first_showings, judgements, open_study, read_answers
from miua.survey.study_files import KEY_FILE, STUDY_FILE, canonical
from tests.survey.study_maker import drawn_reader, make_study


@pytest.fixture
def made(tmp_path):
    return make_study(tmp_path / "study")


def dull(image, place):
    return {}


def read(made, *paths, rehearsal=False):
    return read_answers(open_study(made.folder), paths, rehearsal=rehearsal)


def refusal(made, path, **options):
    accepted, (refused,) = read(made, path, **options)
    assert accepted == []
    assert refused.path == path
    assert str(refused) == f"{path}: {refused.reason}"
    return refused.reason


def test_a_good_file_is_accepted_as_it_is(made):
    path = made.reader(2, dull)
    (file,), refused = read(made, path)
    assert refused == []
    assert file.content == path.read_bytes()
    groups = file.answers.receipt.split("-")
    assert [len(group) for group in groups] == [4] * 4
    assert "".join(groups) == json.loads(file.content)["sha256"][:16]


def test_other_spaces_in_the_file_are_no_edit(made):
    path = made.reader(2, lambda image, place: {"comment": 'Straße "a"\n\u2028😀'})
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=3), encoding="utf-8")
    (file,), _ = read(made, path)
    assert file.answers.answers[0].comment == 'Straße "a"\n\u2028😀'


def test_a_byte_order_mark_is_no_edit(made):
    path = made.reader(2, dull)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    (file,), refused = read(made, path)
    assert (file.answers.reader, refused) == (2, [])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Invalid JSON"),
        (b"reader,image\n1,i001\n", "Invalid JSON"),
        (b"\xff\xfe", "the file: Invalid JSON"),
        (b"{}", "study: Field required"),
        (b'{"a": ' * 5000, "Invalid JSON"),
    ],
)
def test_what_is_no_file_of_answers_is_refused(made, content, said):
    path = made.folder / "answers.json"
    path.write_bytes(content)
    assert said in refusal(made, path)


def test_a_missing_file_and_a_folder_are_refused(made):
    assert refusal(made, made.folder / "none.json") == "It is missing."
    assert refusal(made, made.folder).startswith("It is no file.")


def test_files_that_lie_beside_the_answers_are_told_apart(made):
    table = made.folder / "answers-reader-01.csv"
    table.write_text("part,place\n", encoding="utf-8")
    assert "Give the reader's .json file" in refusal(made, table)
    assert refusal(made, made.folder / STUDY_FILE) == "It is a study, not a reader's answers."


@pytest.mark.parametrize("key", ["study", "reader", "role", "experience_years", "automated"])
def test_a_key_of_the_schema_is_checked(made, key):
    content = made.answers(1, dull) | {key: "many", "sha256": "0" * 64}
    path = made.folder / "a.json"
    path.write_bytes(canonical(content))
    assert refusal(made, path).startswith(f"{key}: ")


def test_a_grade_beyond_the_scale_is_refused(made):
    content = made.answers(1, dull)
    content["answers"][3]["quality"] = 6
    assert "answers.3.quality" in refusal(made, made.write(content))


@pytest.mark.parametrize("key", ["milliseconds", "changes", "sittings", "zoom"])
@pytest.mark.parametrize("value", [7 * 24 * 3600 * 1000 + 1, 10**400])
def test_numbers_beyond_what_anyone_does_are_refused(made, key, value):
    content = made.answers(1, dull)
    (content if key in content else content["answers"][3])[key] = value
    assert f"{key}: Input should be less than" in refusal(made, made.write(content))


@pytest.mark.parametrize("number", range(5))
def test_every_edit_is_noticed(made, number):
    path = made.reader(1, dull)
    content = json.loads(path.read_bytes())
    edits = [
        lambda: content["answers"][0].update(real=False),
        lambda: content["answers"][-1].update(comment="better"),
        lambda: content.update(experience_years=30),
        lambda: content.update(role="clinician"),
        lambda: content["answers"].reverse(),
    ]
    edits[number]()
    path.write_bytes(canonical(content))
    assert "edited or damaged" in refusal(made, path)


def test_a_file_of_another_study_is_refused(made, tmp_path):
    other = make_study(tmp_path / "other", seed=1)
    said = refusal(made, other.reader(1, dull))
    assert said.startswith("It is of another study")
    assert other.sha256[:8] in said
    assert made.sha256[:8] in said


def test_a_reader_that_the_study_has_not_is_refused(made):
    content = made.answers(1, dull) | {"reader": 6}
    assert refusal(made, made.write(content)) == "Reader 6 is none of this study's, 1 to 5."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda answers: answers[:-3], "It is incomplete: 19 of 22 answers."),
        (lambda answers: [], "It is incomplete: 0 of 22 answers."),
        (lambda answers: [*answers, answers[-1]], "It has 23 answers, where 22 were asked for."),
        (lambda answers: [*answers[1:], answers[0]], "not in this reader's order: number 1"),
        (lambda answers: [answers[0], *answers[2:], answers[1]], "number 2"),
        (lambda answers: [answers[0], answers[0] | {"place": 2}, *answers[2:]], "number 2"),
        (lambda answers: [answers[0] | {"place": 9}, *answers[1:]], "at place 9"),
    ],
)
def test_answers_are_those_asked_for_in_their_order(made, change, said):
    content = made.answers(1, dull)
    content["answers"] = change(content["answers"])
    assert said in refusal(made, made.write(content))


def test_another_readers_order_is_refused(made):
    content = made.answers(1, dull) | {"reader": 2}
    assert "not in this reader's order" in refusal(made, made.write(content))


def test_practice_is_complete_too(made):
    content = made.answers(1, dull)
    content["practice"].pop()
    assert refusal(made, made.write(content)) == "It is incomplete: 1 of 2 practice answers."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"finished": "2026-03-02T08:59:59Z"}, "Its times go backwards"),
        ({"consented": "2026-03-02T09:01:01Z"}, "Its times go backwards"),
        ({"started": "yesterday"}, "started: 'yesterday' is no time"),
        ({"started": "2026-03-02T09:01:00"}, "does not say which time zone"),
    ],
)
def test_times_are_times_and_go_forwards(made, changes, said):
    assert said in refusal(made, made.reader(1, dull, **changes))


def test_a_program_is_let_in_by_a_rehearsal_alone(made):
    path = made.reader(1, dull, automated=True)
    assert "A program gave these answers" in refusal(made, path)
    accepted, refused = read(made, path, rehearsal=True)
    assert (len(accepted), refused) == (1, [])


def test_of_two_files_of_one_reader_both_are_refused_and_of_two_alike_the_second(made):
    first, third = made.reader(1, dull), made.reader(3, dull)
    changed = made.write(made.answers(1, lambda *_: {"real": False}), "changed.json")
    copy = made.write(made.answers(3, dull), "copy.json")
    fine = made.reader(2, dull)
    accepted, refused = read(made, first, fine, changed, third, copy)
    # Of two alike nothing is lost by taking the first.
    assert [file.path for file in accepted] == [fine, third]
    said = {refusal.path: refusal.reason for refusal in refused}
    assert list(said) == [first, changed, copy]
    assert f"{changed} is of reader 1, too, with other answers" in said[first]
    assert f"{first} is of reader 1, too" in said[changed]
    assert said[copy].startswith(f"It holds the same answers as {third}")


def test_a_path_that_was_given_twice_is_said_to_be(made, monkeypatch):
    path = made.reader(1, dull)
    monkeypatch.chdir(made.folder)
    for again in (path, path.relative_to(made.folder)):
        accepted, refused = read(made, path, again)
        assert [file.path for file in accepted] == [path]
        assert [each.reason for each in refused] == ["It was given twice. Give it once."]


def test_all_refusals_are_told_in_the_order_of_the_files(made):
    bad = [made.folder / f"{name}.json" for name in "cab"]
    _, refused = read(made, bad[0], made.reader(1, dull), *bad[1:])
    assert [refusal.path for refusal in refused] == bad


def test_judgements_are_unblinded_without_practice(made):
    paths = [made.reader(n, drawn_reader(made, n)) for n in (2, 1)]
    opened = open_study(made.folder)
    accepted, _ = read_answers(opened, paths)
    judged = judgements(opened, accepted)
    assert judged["reader"].tolist() == [1] * 22 + [2] * 22
    practice = {image.id for image in made.study.practice}
    assert not practice & set(judged["image"])
    for row in judged.itertuples():
        image, order = made.key.images[row.image], made.study.orders[row.reader - 1]
        assert (row.kind, row.set) == (image.kind, image.set)
        assert order[row.place - 1] == row.image
        assert row.repeat == (row.image in order[: row.place - 1])
    assert judged["repeat"].sum() == 2 * 6
    first = first_showings(judged)
    assert not first.duplicated(["reader", "image"]).any()
    assert len(first) == 2 * 16


# --- the study and its key --------------------------------------------------------------------


def damaged(made, name, **changes):
    path = made.folder / name
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(content), encoding="utf-8")


def test_a_changed_key_is_refused(made):
    damaged(made, KEY_FILE, seed=7)
    with pytest.raises(MiuaError, match=r"sealed-key\.json is not the key.*was changed"):
        open_study(made.folder)


@pytest.mark.parametrize("name", [STUDY_FILE, KEY_FILE])
def test_a_missing_study_or_key_is_named(made, name):
    (made.folder / name).unlink()
    with pytest.raises(MiuaError, match=rf"no {name}|{name} is missing"):
        open_study(made.folder)


def test_a_changed_study_refuses_its_readers(made):
    path = made.reader(1, dull)
    damaged(made, STUDY_FILE, title="Another title")
    assert "another study" in refusal(made, path)


def test_orders_show_every_image(made):
    order = made.study.orders[0]
    damaged(made, STUDY_FILE, orders=[[image for image in order if image != order[0]]])
    with pytest.raises(MiuaError, match="an order does not show each of the images"):
        open_study(made.folder)


def test_the_key_is_of_the_studys_images(made):
    images = [image.model_dump() for image in made.study.images]
    images[0]["sha256"] = "0" * 64
    damaged(made, STUDY_FILE, images=images)
    with pytest.raises(MiuaError, match="does not hold the images"):
        open_study(made.folder)

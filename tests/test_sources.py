"""Templates in a folder."""

import os
import shutil
import threading

import pytest

from mailer.templating.sources import Folder


def test_an_edit_is_live_at_once(folder):
    folder.write(subject_txt="old", body_html="{% include '_shared/foot.html' %}")
    folder.put({"_shared/foot.html": "old foot"})
    assert (folder.content().subject, folder.content().body) == ("old", "old foot")

    folder.put({"t/subject.txt": "newer", "_shared/foot.html": "newer foot", "t/body.fr.txt": "neuf"})

    assert (folder.content().subject, folder.content().body) == ("newer", "newer foot")
    assert folder.content(use_locale="fr").body == "neuf"


def test_a_file_that_goes_is_gone_at_once(folder):
    folder.write(subject_txt="s", body_txt="b", body_fr_txt="b fr")
    assert folder.content(use_locale="fr").body == "b fr"

    (folder.path / "t/body.fr.txt").unlink()

    assert folder.content(use_locale="fr").body == "b"


def test_a_broken_edit_shows(folder):
    folder.write(subject_txt="s", body_txt="b")
    folder.content()

    folder.write(body_txt="{% if %}")

    assert folder.problem().code == "template_failed"
    assert folder.templates.warnings() == []


def test_files_stay_the_same_object_for_as_long_as_nothing_changes(folder):
    folder.write(subject_txt="s", body_txt="b")
    source = Folder(folder.path)

    files = source.files("t")
    assert source.files("t") is files
    assert files == {"subject.txt": b"s", "body.txt": b"b"}

    os.utime(folder.path / "t/body.txt", ns=(1, 1))
    assert source.files("t") is not files


def test_who_sends_mails_looks_at_a_folder_once_a_second(folder):
    folder.write(body_txt="old")
    now = 0.0
    source = Folder(folder.path, look_every=1.0, clock=lambda: now)
    source.files("t")
    folder.write(body_txt="newer")

    now = 0.9
    assert source.files("t") == {"body.txt": b"old"}
    now = 1.0
    assert source.files("t") == {"body.txt": b"newer"}


def test_who_sends_mails_looks_for_folders_once_a_second(folder):
    now = 0.0
    source = Folder(folder.path, look_every=1.0, clock=lambda: now)
    assert source.files("new") == {}
    folder.put({"new/subject.txt": "s"})

    now = 0.9
    assert source.files("new") == {}
    now = 1.0
    assert source.files("new") == {"subject.txt": b"s"}

    now = 1.5
    assert source.files("t") == {}  # the folders are listed again at 2.0
    shutil.rmtree(folder.path / "new")
    now = 2.0
    assert source.files("new") == {}


def test_a_folder_that_goes_after_it_was_listed_has_no_files(folder):
    now = 0.0
    source = Folder(folder.path, look_every=1.0, clock=lambda: now)
    folder.put({"new/subject.txt": "s"})
    assert source.files("t") == {}

    shutil.rmtree(folder.path / "new")

    assert source.files("new") == {}


def test_folders_are_listed_with_their_files(folder):
    folder.put({"t/subject.txt": "s", "_shared/x.html": "x"})
    (folder.path / "t/deep").mkdir()
    (folder.path / "README.md").write_text("no folder")

    assert {name: set(files) for name, files in Folder(folder.path).folders().items()} == {
        "t": {"subject.txt"},
        "_shared": {"x.html"},
    }


@pytest.mark.parametrize("name", ["", ".", "..", "../t", "t/", "t/..", "/", "/etc", "README.md", "t\x00", "gone"])
def test_there_are_no_files_where_there_is_no_folder_of_this_very_name(folder, name):
    folder.put({"t/subject.txt": "s"})
    (folder.path / "README.md").write_text("no folder")

    assert Folder(folder.path).files(name) == {}


def test_the_files_that_an_editor_makes_and_takes_away_do_no_harm(folder):
    folder.write(subject_txt="s", body_txt="b")
    source, done = Folder(folder.path), threading.Event()

    def edit():
        while not done.is_set():
            swap = folder.path / "t/4913"
            swap.write_text("x")
            swap.unlink()

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        for _ in range(300):
            assert source.files("t")["body.txt"] == b"b"
    finally:
        done.set()
        editor.join()


def test_templates_are_the_folders_with_a_subject_or_a_body(folder):
    folder.put(
        {"a/subject.txt": "", "b/body.html": "", "c/notes.txt": "", "_shared/body.html": "", ".git/body.txt": ""}
    )

    assert folder.templates.names() == ["a", "b"]


def test_each_version_is_compiled_once(folder):
    folder.write(subject_txt="s", body_txt="b")
    first = folder.templates.environment("t")

    assert folder.templates.environment("t") is first
    folder.put({"_shared/x.html": "x"})
    assert folder.templates.environment("t") is not first

"""make setup-demo: from an empty tenant to the first mail and back, on one machine."""

from mailer.local import setup_demo
from mailer.local.stack import Ports


def test_the_whole_way_is_gone_and_nothing_is_left(tmp_path, capfd):
    setup_demo.run(tmp_path / "demo", ports=Ports.free())

    shown = capfd.readouterr().out
    commands = [line.split()[4] for line in shown.splitlines() if line.startswith("$ python -m mailer")]
    assert commands == ["setup", "setup", "setup", "doctor", "rotate", "teardown"]
    assert shown.count("→ sent") == 2
    assert "was sent after" in shown
    assert "alerts@contoso.com is out of reach" in shown
    assert "Nothing is left of it." in shown

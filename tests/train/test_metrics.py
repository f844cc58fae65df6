"""Meters are right, and the file stays monotone over kills and resumes."""

import pytest

from gristmill.train import metrics


def test_speed_is_tokens_over_the_seconds_that_passed():
    interval = metrics.Interval(start_s=1000.0, end_s=1004.0, steps=2, tokens=8192)
    line = metrics.meters(step=6, loss=2.5, grad_norm=0.5, rate=1e-3, tokens_total=50_000, interval=interval)
    assert line == {
        "step": 6,
        "loss": 2.5,
        "grad_norm": 0.5,
        "learning_rate": 1e-3,
        "tokens": 50_000,
        "tokens_per_s": 2048.0,
        "step_s": 2.0,
    }


def test_no_time_is_no_speed():
    interval = metrics.Interval(start_s=5.0, end_s=5.0, steps=1, tokens=10)
    assert metrics.meters(1, 1.0, 1.0, 1e-3, 10, interval)["tokens_per_s"] == 0.0


def test_the_progress_line_tells_the_time_left():
    line = metrics.meters(10, 3.25, 0.5, 1e-3, 100, metrics.Interval(0.0, 20.0, steps=10, tokens=1_000_000))
    assert metrics.progress_line(line, steps=1900) == (
        "step 10/1,900 | loss 3.2500 | grad norm 0.50 | lr 1.00e-03 | 50,000 tokens/s | 1:03:00 left"
    )


def test_rewinding_drops_later_lines_and_one_that_was_cut_off(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for step in (1, 2, 3):
        metrics.append(path, {"step": step, "loss": 1.0})
    with path.open("a") as file:
        file.write('{"step": 4, "lo')
    metrics.rewind(path, 2)
    metrics.append(path, {"step": 3, "loss": 2.0})
    assert [(line["step"], line["loss"]) for line in metrics.read(path)] == [(1, 1.0), (2, 1.0), (3, 2.0)]


@pytest.mark.parametrize("text", ["", "null\n", "[1]\n", '{"loss": 1}\n'])
def test_lines_without_a_step_are_no_lines(tmp_path, text):
    (tmp_path / "metrics.jsonl").write_text(text)
    assert metrics.read(tmp_path / "metrics.jsonl") == []

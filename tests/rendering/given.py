"""What these tests are given."""

from pathlib import Path

ROOT = Path(__file__).parents[2]

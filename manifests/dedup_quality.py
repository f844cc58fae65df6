"""The number that decides between copies, `curate.dedup.quality`: which files of a unit have it, and its values."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.curation import columns, shards
from gristmill.curation.feature_table import VARIANTS
from gristmill.manifests.plan_quality import score_outputs
from gristmill.manifests.planning import Context
from gristmill.manifests.quality_steps import SCORES
from gristmill.manifests.schema import Loaded, Source
from gristmill.manifests.store import Input


def asks_variants(loaded: Loaded, source: Source) -> bool:
    """Whether the quality of a source's documents is one of the features that are measured only where they are asked."""
    dedup = loaded.manifest.curate.dedup
    return dedup is not None and dedup.quality in VARIANTS and "dedup" not in source.skip


def quality_inputs(context: Context, source_name: str, name: str, feature: str | None) -> list[Input]:
    """What a unit's quality is read from beside its `texts.arrow` and `features.arrow`; raises NotYet."""
    return score_outputs(context, source_name, name, [feature]) if columns.family(feature) == "score" else []


def quality_values(feature: str, files: Iterable[Path]) -> np.ndarray:
    """float64 [N]: the quality of each of a unit's texts, NaN where there is none.

    `files` are the unit's own, whatever else is among them: `texts.arrow`, `features.arrow` and, of a score, `scores.arrow`.
    """
    by_name = {path.name: path for path in files}
    measured_path, kind = by_name["features.arrow"], columns.family(feature)
    if kind == "score" and SCORES not in by_name:  # the source skips the step
        return np.full(shards.read_table(measured_path, ["id"]).num_rows, np.nan)
    needed = columns.needed([feature])
    texts = shards.read_table(by_name["texts.arrow"], ["id", *needed])
    measured = (
        pa.table({}) if needed else shards.read_table(by_name[SCORES] if kind == "score" else measured_path, [feature])
    )
    return columns.numbers(columns.Values(texts, measured, [feature]).of(feature), feature)

"""What scores mean for a whole base: the total that the top N % reach (S4), and which moved scores are worth a write (S11)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from crmsync.decide.frame import Bools, Floats, Longs
from crmsync.decide.score import Scores, thresholds
from crmsync.model.process import ScoreRules
from crmsync.model.rules import Playbook


def top_cut(totals: Floats, percent: float) -> float | None:
    """The lowest total that at most `percent` % of these persons reach, one person at least; None: nobody is there.

    Where many share a total, either all of them reach the cut or none: half of a base without any points does not become qualified because
    there is nothing better. Should more share the highest total than may reach the cut, it lies just above.
    """
    many = len(totals)
    if many == 0:
        return None
    places = min(many, max(1, int(many * percent / 100)))
    ordered = np.partition(totals, many - places)
    cut = float(ordered[many - places])
    if np.count_nonzero(totals >= cut) <= places:
        return cut
    above = totals[totals > cut]
    return float(above.min()) if len(above) else float(np.nextafter(cut, np.inf))


def cuts_of(scores: Scores, playbook: Playbook) -> dict[str, float]:
    """Segment ("": the playbook's own model) -> cut, for the models with top_percent of which anybody was scored; as `score_all` takes it. scores:
    of everybody (`score_base`)."""
    return cuts_from(scores.total, scores.segment, playbook)


def cuts_from(totals: Floats, segments: Longs, playbook: Playbook) -> dict[str, float]:
    """As `cuts_of`, from totals as they were last decided. segments: the place of each one's segment in the playbook, -1 for the playbook's own."""
    cuts: dict[str, float] = {}
    models: Mapping[int, tuple[str, ScoreRules]] = {-1: ("", playbook.score)} | {
        n: (s.name, s.score) for n, s in enumerate(playbook.segments)
    }
    for place, (name, rules) in models.items():
        if rules.top_percent is not None and (cut := top_cut(totals[segments == place], rules.top_percent)) is not None:
            cuts[name] = cut
    return cuts


def shown(scores: Scores, rules: ScoreRules) -> Floats:
    """3 x persons: total, fit and behaviour as the CRMs show them, whole numbers; as `outputs.score_fields` says of one. A total is rounded down where
    rounding up would seem to reach a threshold it has not reached."""
    numbers: Floats = np.floor(np.stack((scores.total, scores.fit, scores.behavior)) + 0.5)
    total, levels = scores.total, np.array(thresholds(rules))
    seeming = np.searchsorted(levels, numbers[0], side="right") > np.searchsorted(levels, total, side="right")
    numbers[0] = np.where(seeming, np.floor(total), numbers[0])
    return numbers


def worth_writing(before: Floats, after: Floats, rules: ScoreRules) -> Bools:
    """Whose score is written, of 3 x persons as `shown` gives them; `outputs.settle_score` decides the same of one. before: what the CRMs show, NaN for
    those who have none.

    A score is written when there was none, when its total lies in another band or on the other side of a threshold, and when a number moved by
    at least `min_delta`. Only those who are looked at are asked about, and decay alone has nobody looked at but at the crossings
    (`Scores.due`): so a night's decay writes no more than what crossed something.
    """
    levels = np.array(thresholds(rules))
    crossed = np.searchsorted(levels, before[0], side="right") != np.searchsorted(levels, after[0], side="right")
    moved: Bools = np.any(~(np.abs(after - before) < rules.min_delta), axis=0)
    different: Bools = np.any(after != before, axis=0)
    return (moved | crossed) & different

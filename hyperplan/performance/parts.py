"""Outcomes parted: by the model that answered, by the arm that was chosen, or by a slice."""

from hyperplan.outcomes import Coded, Outcomes


def parts_of(outcomes: Outcomes, by: str) -> dict[str, Outcomes]:
    """The outcomes of each model (`model`), of each arm (`arm`), or of each value of a slice, by its name.

    Raises:
        KeyError: there is no such slice among the outcomes.
    """
    coded = _coded(outcomes, by)
    parts = {name: outcomes.where(coded.equal(name)) for name in coded.names}
    return {name: part for name, part in parts.items() if len(part)}


def _coded(outcomes: Outcomes, by: str) -> Coded:
    match by:
        case "model":
            return outcomes.answered
        case "arm":
            return outcomes.arm
        case _:
            return outcomes.slices[by]

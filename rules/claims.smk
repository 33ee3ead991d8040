# What the scorecard asks of the claims: which are judged here, on which tables, and what the others would cost.
from nnstatmech.planning import estimates
from nnstatmech.planning.claims import check_references, measure_of, read_claims

try:
    CLAIMS, PLACES_OF_CLAIMS = read_claims(FAMILIES)
except ConfigError as error:
    refuse(error)
try:
    for scale in SCALES:
        check_references(CLAIMS, plan_of(f"{scale}-{PLAN.settings.data}"))
except ConfigError as error:
    refuse(error, PLACES_OF_CLAIMS)

JUDGED = [
    claim for claim in CLAIMS if claim.holds(PLAN.settings.scale, PLAN.settings.data)
]
TABLES_OF_CLAIMS = sorted({name for claim in JUDGED for name in claim.tables})
AT_HAND = PLAN.settings.claims == "at_hand"


def tables_at_hand(wildcards):
    """Tables that are judged as they are there, and what they must be of: no inputs, which would be made first."""
    if not AT_HAND:
        return {}
    there = [name for name in TABLES_OF_CLAIMS if Path(table_of(name)).is_file()]
    return {name: described_table(name) for name in there}


def described_table(experiment):
    """Where a table is, when it was written, and the parameters of the runs that it must hold."""
    written = Path(table_of(experiment)).stat()
    runs = {
        identity: run.params | {"dataset": run.dataset}
        for identity, run in PLAN.runs[experiment].items()
    }
    return {
        "path": table_of(experiment),
        "written": [written.st_mtime_ns, written.st_size],
        "runs": runs,
    }


def prices(wildcards):
    """Core hours of the tables of each claim, at the first scale that it is made for."""
    return {claim.id: price(claim) for claim in CLAIMS}


def price(claim):
    scales = claim.holds_at.scale or [PLAN.settings.scale]
    scale = PLAN.settings.scale if PLAN.settings.scale in scales else scales[0]
    plan = plan_of(f"{scale}-{PLAN.settings.data}")
    return float(f"{estimates.of_experiments(plan, claim.tables).core_hours:.2g}")

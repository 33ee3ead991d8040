# One prepared set of images for each data set of a mapping, whatever the experiment, scale or seed.
from nnstatmech.datasets.errors import DataError
from nnstatmech.datasets.names import expanded
from nnstatmech.datasets.watching import source_digest
from nnstatmech.storage.contents import Contents

FACTS = DATASET.replace(".npz", ".json")
CONTENTS = Contents("results/datasets/.contents.json")


@cache
def source_content(mapping, dataset):
    """A digest of the files of one's own that a data set is prepared from: a change of it prepares the set again."""
    settings = PLAN.settings
    try:
        return source_digest(
            settings.data_sources[mapping][dataset], settings.data_dir, CONTENTS
        )
    except DataError as error:
        refuse(ConfigError(str(error)))


@cache
def file_content(path):
    """A digest of a file that a parameter names."""
    try:
        return CONTENTS.digest(expanded(path))
    except (DataError, OSError) as error:
        refuse(ConfigError(f"{path}: {error}"))


rule prepare_data:
    output:
        images=ensure(DATASET, non_empty=True),
        facts=ensure(FACTS, non_empty=True),
    log:
        DATASET.replace(".npz", ".log"),
    conda:
        "../envs/run.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        source=source_of,
        content=lambda wildcards: source_content(wildcards.mapping, wildcards.dataset),
        data_dir=lambda wildcards, resources: PLAN.settings.data_dir,
        code=script_hash("prepare_data"),
    message:
        "Prepare the data set {wildcards.dataset} ({wildcards.mapping})"
    script:
        "../scripts/prepare_data.py"

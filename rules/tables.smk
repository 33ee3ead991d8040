# The shards of one experiment become one checked table.


def facts_of_table(wildcards):
    """What the data sets of an experiment are, as its shards must have seen them."""
    plan = plan_of(wildcards.setting)
    names = {run.dataset for run in plan.runs[wildcards.experiment].values()} - {None}
    return [
        FACTS.format(mapping=plan.settings.data, dataset=name) for name in sorted(names)
    ]


def made_by(wildcards):
    """The engine and the code that every shard must have been made by."""
    return {"engine": engine_of(wildcards), "code": code_of_run(wildcards)}


rule join_shards:
    input:
        shards=shards_of_table,
        facts=facts_of_table,
    output:
        ensure(TABLE, non_empty=True),
    log:
        TABLE.replace(".parquet", ".log"),
    conda:
        "../envs/tables.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 15 * attempt,
    params:
        contents=contents_of_table,
        made_by=made_by,
        code=script_hash("join_shards"),
    message:
        "Join the shards of {wildcards.experiment} ({wildcards.setting})"
    script:
        "../scripts/join_shards.py"

# One rule for each family that is found, so that a profile can give a family its own partition, memory or time.

for family in FAMILIES:

    rule:
        name:
            f"run_{family}"
        input:
            unpack(files_of_datasets),
        output:
            # An update: runs that it holds already are taken as they are.
            ensure(update(shard_of(family) + ".parquet"), non_empty=True),
        log:
            shard_of(family) + ".log",
        benchmark:
            shard_of(family) + ".tsv"
        wildcard_constraints:
            experiment=experiments_of(family),
        conda:
            "../envs/run.yaml"
        threads: 1
        resources:
            gpu=gpus_of(family),
            mem_mb=memory_of_run,
            runtime=minutes_of_run,
            attempt=lambda wildcards, attempt: attempt,
        params:
            runs=runs_of_job,
            datasets=datasets_of_job,
            seeds=seeds_of_shard,
            engine=engine_of,
            code=code_of_run,
            device=device_of_run(family),
            folder=folder_of_family(family),
        message:
            "Run {wildcards.experiment} / {wildcards.batch}, shard {wildcards.shard} ({wildcards.setting})"
        script:
            "../scripts/run_shard.py"

# One rule for each family, so that a profile can give a family its own partition, memory or time.


rule run_moments:
    input:
        unpack(dataset_of_run),
    output:
        ensure(shard_of("moments") + ".parquet", non_empty=True),
    log:
        shard_of("moments") + ".log",
    benchmark:
        shard_of("moments") + ".tsv"
    wildcard_constraints:
        experiment=experiments_of("moments"),
    conda:
        "../envs/run.yaml"
    threads: 1
    resources:
        gpu=gpus_of("moments"),
        mem_mb=memory_of("moments"),
        runtime=minutes_of("moments"),
    params:
        run=run_parameters,
        seeds=seeds_of_shard,
        engine=engine_of,
        code=code_of_run,
        device=device_of_run,
    message:
        "Run {wildcards.experiment} / {wildcards.run}, shard {wildcards.shard} ({wildcards.setting})"
    script:
        "../scripts/run_shard.py"


use rule run_moments as run_message_passing with:
    output:
        ensure(shard_of("message_passing") + ".parquet", non_empty=True),
    log:
        shard_of("message_passing") + ".log",
    benchmark:
        shard_of("message_passing") + ".tsv"
    wildcard_constraints:
        experiment=experiments_of("message_passing"),
    resources:
        gpu=gpus_of("message_passing"),
        mem_mb=memory_of("message_passing"),
        runtime=minutes_of("message_passing"),


use rule run_moments as run_linear_bnn with:
    output:
        ensure(shard_of("linear_bnn") + ".parquet", non_empty=True),
    log:
        shard_of("linear_bnn") + ".log",
    benchmark:
        shard_of("linear_bnn") + ".tsv"
    wildcard_constraints:
        experiment=experiments_of("linear_bnn"),
    resources:
        gpu=gpus_of("linear_bnn"),
        mem_mb=memory_of("linear_bnn"),
        runtime=minutes_of("linear_bnn"),


use rule run_moments as run_cascades with:
    output:
        ensure(shard_of("cascades") + ".parquet", non_empty=True),
    log:
        shard_of("cascades") + ".log",
    benchmark:
        shard_of("cascades") + ".tsv"
    wildcard_constraints:
        experiment=experiments_of("cascades"),
    resources:
        gpu=gpus_of("cascades"),
        mem_mb=memory_of("cascades"),
        runtime=minutes_of("cascades"),

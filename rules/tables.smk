# The shards of one experiment become one checked table.


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

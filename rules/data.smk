# One prepared set of images for each data set of a mapping, whatever the experiment, scale or seed.


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

# Whether the papers' claims were reproduced, claim by claim.


rule scorecard:
    input:
        f"results/{SETTING}/scorecard.parquet",
        "figures/scorecard.png",


rule judge_claims:
    input:
        [] if AT_HAND else [table_of(name) for name in TABLES_OF_CLAIMS],
    output:
        table=f"results/{SETTING}/scorecard.parquet",
        markdown=f"results/{SETTING}/scorecard.md",
        html=report(
            f"results/{SETTING}/scorecard.html",
            caption="../workflow/report/scorecard.rst",
            category="Scorecard",
            labels={"scorecard": "Claims as a table"},
        ),
    log:
        f"results/{SETTING}/scorecard.log",
    conda:
        "../envs/figures.yaml"
    params:
        claims=[claim.model_dump(mode="json") for claim in CLAIMS],
        experiments=[] if AT_HAND else TABLES_OF_CLAIMS,
        at_hand=tables_at_hand,
        prices=prices,
        families={
            name: {"work": family.work, "measures": family.measures}
            for name, family in FAMILIES.items()
        },
        folders=lambda wildcards, resources: [
            family.search_folder for family in FAMILIES.values()
        ],
        scale=PLAN.settings.scale,
        data=PLAN.settings.data,
        # Functions, here and below: hashes take a second, and most calls judge nothing.
        code=lambda wildcards: [
            measure_of(claim, FAMILIES).code_hash() for claim in JUDGED
        ]
        + [script_hash("judge_claims")],
    message:
        "Judge the papers' claims ({params.scale} scale, {params.data} data)"
    script:
        "../scripts/judge_claims.py"


rule draw_scorecard:
    input:
        f"results/{SETTING}/scorecard.parquet",
    output:
        png=report(
            f"results/{SETTING}/figures/scorecard.png",
            caption="../workflow/report/scorecard.rst",
            category="Scorecard",
            labels={"scorecard": "Claims as a figure"},
        ),
        pdf=f"results/{SETTING}/figures/scorecard.pdf",
    log:
        f"results/{SETTING}/figures/scorecard.log",
    conda:
        "../envs/figures.yaml"
    params:
        setting=SETTING,
        code=lambda wildcards: [
            symbol_hash("nnstatmech.figures.scorecard", "scorecard"),
            script_hash("draw_scorecard"),
        ],
    message:
        "Draw the scorecard ({params.setting})"
    script:
        "../scripts/draw_scorecard.py"

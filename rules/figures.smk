# Every figure is one drawing function of a few tables.


rule figures:
    input:
        expand("figures/{figure}.png", figure=PLAN.settings.figures),


rule draw_figure:
    input:
        tables_of_figure,
    output:
        # An update: what exists stays until the new picture is whole, and where drawing fails.
        png=report(
            update("figures/{figure}.png"),
            caption="../workflow/report/figure.rst",
            category=lambda wildcards: FAMILIES[figure_of(wildcards).family].work,
            # One label only: of a second one, the report of two figures would make a switch.
            labels=lambda wildcards: {
                "figure": f"{wildcards.figure}: {figure_of(wildcards).title}"
            },
        ),
        pdf=update("figures/{figure}.pdf"),
    log:
        f"results/{SETTING}/figures/{{figure}}.log",
        # Not an output: an output of another scale would be missing, and Snakemake then sees no change at all.
        origin=f"results/{SETTING}/figures/{{figure}}.rst",
    conda:
        "../envs/figures.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 15 * attempt,
    params:
        drawing=drawing_of_figure,
        folder=folder_of_drawing,
        caption=lambda wildcards: figure_of(wildcards).caption,
        code=code_of_figure,
    message:
        "Draw {wildcards.figure} ({params.drawing[scale]} scale, {params.drawing[data]} data)"
    script:
        "../scripts/render_figure.py"

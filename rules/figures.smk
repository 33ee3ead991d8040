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
            update("results/{setting}/figures/{figure}.png"),
            caption="../workflow/report/figure.rst",
            category=lambda wildcards: FAMILIES[figure_of(wildcards).family].work,
            # One label only: of a second one, the report of two figures would make a switch.
            labels=lambda wildcards: {
                "figure": f"{wildcards.figure}: {figure_of(wildcards).title}"
            },
        ),
        pdf=update("results/{setting}/figures/{figure}.pdf"),
        csv=update("results/{setting}/figures/{figure}.csv"),
        origin=update("results/{setting}/figures/{figure}.rst"),
    log:
        "results/{setting}/figures/{figure}.log",
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


rule show_figure:
    # Pictures of the active scale and data; those of the others stay in their folders of results.
    input:
        png=f"results/{SETTING}/figures/{{shown}}.png",
        pdf=f"results/{SETTING}/figures/{{shown}}.pdf",
    output:
        png=update("figures/{shown}.png"),
        pdf=update("figures/{shown}.pdf"),
    log:
        f"results/{SETTING}/figures/{{shown}}.show.log",
    conda:
        "../envs/figures.yaml"
    message:
        f"Show {{wildcards.shown}} ({PLAN.settings.scale} scale, {PLAN.settings.data} data)"
    shell:
        "(cp {input.png} {output.png}.part && mv {output.png}.part {output.png}"
        " && cp {input.pdf} {output.pdf}.part && mv {output.pdf}.part {output.pdf}) 2> {log}"

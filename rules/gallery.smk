# A folder of pages about the figures at hand; it starts nothing.


rule gallery:
    output:
        "gallery/index.html",
    log:
        "gallery/gallery.log",
    conda:
        "../envs/figures.yaml"
    params:
        # Not compared between calls, because it asks for the resources: it would be printed whole.
        pages=lambda wildcards, resources: pages_of_gallery(),
        content=content_of_gallery,
        code=lambda wildcards: script_hash("make_gallery"),
    message:
        "Make the gallery"
    script:
        "../scripts/make_gallery.py"

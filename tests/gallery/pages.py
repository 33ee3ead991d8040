"""Pages of the real plan, and pictures that stand for its figures."""

from functools import cache

from PIL import Image

from nnstatmech.gallery.planned import planned_page
from nnstatmech.planning.claims import read_claims
from nnstatmech.planning.layers import of_package
from nnstatmech.planning.plan import Plan


@cache
def plan(scale="laptop", data="bundled"):
    return Plan.of(of_package({"scale": scale, "data": data}))


@cache
def claims():
    return read_claims(plan().families)[0]


@cache
def planned(name, scale="laptop", data="bundled"):
    return planned_page(plan(scale, data), name, claims(), [plan("laptop", data), plan("paper", data)])


def put_pictures(page, results):
    """Files that stand for the figure of a page."""
    folder = results / page.setting / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (900, 500), (30, 90, 160)).save(folder / f"{page.name}.png")
    (folder / f"{page.name}.pdf").write_bytes(b"%PDF-1.4\n")
    (folder / f"{page.name}.csv").write_text("panel,label,x,y\n(a),line,0,1\n")

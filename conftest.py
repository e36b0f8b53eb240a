"""nbval compares only cells that ask for it; what libraries say on stderr differs between machines.

This stands here and not in the folder of the notebooks: as a package that would hide the module of that name in .ci.
"""


def pytest_collectstart(collector):
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)

"""nbval compares only cells that ask for it; what libraries say on stderr differs between machines."""


def pytest_collectstart(collector):
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)

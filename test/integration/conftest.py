"""Fixtures and options. Start the tests with test/integration/run, which makes their namespaces."""

import os
import pathlib
import signal
import subprocess
import tempfile

import pytest

import machine
import psk
from cluster import CLUSTER_NAME, Cluster
from net import Network


HANGS_S, HANGS_LONG_S = 600, 3600


def pytest_addoption(parser):
    parser.addoption("--build", default="build", help="folder of the programs under test")
    parser.addoption("--valgrind", action="store_true", help="run each node under valgrind")
    parser.addoption("--long", action="store_true", help="also what takes minutes")
    parser.addoption("--shard", default="1/1", help="I/N: each N-th test only")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes; only with --long")
    config.addinivalue_line("markers", "ipv6: skipped where the kernel has no IPv6")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        items[:] = [item for item in items if "long" not in item.keywords]
    if not os.path.exists("/proc/net/if_inet6"):
        for item in items:
            if "ipv6" in item.keywords:
                item.add_marker(pytest.mark.skip("this kernel has no IPv6"))
    shard, n_shards = map(int, config.getoption("--shard").split("/"))
    items[:] = items[shard - 1::n_shards]


@pytest.fixture(scope="session")
def build(request):
    if "CLUSTERD_TEST_DIR" not in os.environ:
        pytest.exit("start the tests with test/integration/run", returncode=2)
    return pathlib.Path(request.config.getoption("--build")).resolve()


@pytest.fixture(scope="session", autouse=True)
def sleepers(build):  # noqa: ARG001 (says first that the tests are started in another way)
    stop = machine.start(os.environ["CLUSTERD_TEST_DIR"])
    yield
    stop()


@pytest.fixture(scope="session")
def sanitized(build):
    """Whether the programs are a sanitizer build, whose memory and timing say little."""
    return build.name == "asan"


@pytest.fixture(scope="session")
def cookie(build):
    """One generated cookie, so that deriving its key costs nothing."""
    while True:
        run = subprocess.run([build / "clusterctl", "cookie", "generate"], capture_output=True, text=True, check=True)
        cookie = run.stdout.strip()
        if psk.fits_a_command_line(cookie, CLUSTER_NAME):
            return cookie


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds each node's log to the report of a test that failed."""
    report = (yield).get_result()
    fixtures = getattr(item, "funcargs", {})
    cluster = fixtures.get("cluster") or fixtures.get("net")
    if report.failed and cluster:
        for node in cluster.nodes:
            report.sections.append((f"log of {node.name}", node.log()[-20000:]))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A test that hangs fails, and the others go on."""
    def hangs(*_):
        raise AssertionError(f"hangs: more than {limit} s")

    limit = HANGS_LONG_S if "long" in item.keywords else HANGS_S
    signal.signal(signal.SIGALRM, hangs)
    signal.alarm(limit)
    yield
    signal.alarm(0)


def run_cluster(kind, build, cookie, request):
    directory = tempfile.mkdtemp(dir=os.environ["CLUSTERD_TEST_DIR"], prefix="t")
    cluster = kind(pathlib.Path(directory), build, cookie, request.config.getoption("--valgrind"))
    yield cluster
    complaints = cluster.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def cluster(build, cookie, request):
    yield from run_cluster(Cluster, build, cookie, request)


@pytest.fixture
def net(build, cookie, request):
    """A cluster whose nodes have a network namespace each, on a network that can be broken."""
    yield from run_cluster(Network, build, cookie, request)

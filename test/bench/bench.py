"""Membership, measured on real nodes of this machine: medians beside the budgets of design §12.

--nodes N: a cluster of N on a network that is cut and healed; with three also what takes milliseconds, in many runs.
"""

import argparse
import pathlib

import measure_network
import measure_three


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default="build")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--runs", type=int, default=10, help="of what takes milliseconds")
    args = parser.parse_args()
    build = args.build.resolve()
    if args.nodes == 3:
        measure_three.measure(build, args.runs)
    measure_network.measure(build, args.nodes)


main()

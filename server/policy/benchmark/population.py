"""The role model of a generated organisation: this program's engine against DuckDB, in turns, on the same threads.

Set up once:  python3 -m venv target/benchmark && target/benchmark/bin/pip install -r server/policy/benchmark/requirements.txt
Run:          cargo build --release -p policy --example population_benchmark
              target/benchmark/bin/python server/policy/benchmark/population.py --people 1000000 --mode plain

Each line is JSON: what was done, by which side, in how many seconds of wall and processor time, and how busy others kept the
machine meanwhile. The last lines are medians of the ratios of pairs. Ends with an error where the sides do not answer the same.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import duckdb
import numpy

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[2]
TODAY = (numpy.datetime64("2026-03-02") - numpy.datetime64("1970-01-01")).astype(int).item()
ANCHORS = [0, 6, 7, 8, 9, 10, 12, 14, 15, 18]
CONTEXT = ["person", "starts", "ends", "priority", "bits"] + [f"a{n}" for n in range(20)]


def say(**line):
    print(json.dumps(line), flush=True)


def machine_busy():
    cells = [int(cell) for cell in open("/proc/stat").readline().split()[1:9]]
    return (sum(cells) - cells[3] - cells[4]) / os.sysconf("SC_CLK_TCK")


class Timed:
    """Wall and processor seconds of one side, and how much of the machine others used (percent of all cores)."""

    def __init__(self, process):
        self.clock = (~process << 3) | 2

    def __enter__(self):
        self.busy, self.cpu, self.start = machine_busy(), time.clock_gettime(self.clock), time.perf_counter()
        return self

    def __exit__(self, *_):
        self.wall = time.perf_counter() - self.start
        self.cpu = time.clock_gettime(self.clock) - self.cpu
        others = machine_busy() - self.busy - self.cpu
        self.background = max(0, round(100 * others / (self.wall * os.cpu_count())))

    def numbers(self):
        return {"wall": round(self.wall, 6), "cpu": round(self.cpu, 6), "background": self.background}


class Engine:
    def __init__(self, arguments, people, folder):
        binary = ROOT / "target/release/examples/population_benchmark"
        self.child = subprocess.Popen(
            [binary, str(people), str(arguments.seed), folder, arguments.mode, str(arguments.threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while True:
            self.ready = json.loads(self.child.stdout.readline())
            say(side="engine", **self.ready)
            if self.ready["what"] == "ready":
                break

    def ask(self, question):
        with Timed(self.child.pid) as timed:
            self.child.stdin.write(question + "\n")
            self.child.stdin.flush()
            answer = json.loads(self.child.stdout.readline())
        return timed, answer


class Duck:
    def __init__(self, arguments, folder):
        self.folder = pathlib.Path(folder)
        self.mode = arguments.mode
        self.database = duckdb.connect(config={"threads": arguments.threads})
        self.texts = {path.stem: self.statements(path) for path in HERE.glob("*.sql")}
        self.load("context", CONTEXT)
        self.load("clause", ["attribute", "value", "role", "before", "forbidden"])
        for anchor in ANCHORS:
            self.run_text(f"create table clause_{anchor} as select * from clause where attribute = {anchor}")
        self.load("role_entitlement", ["role", "entitlement"])
        self.load("entitlement", ["entitlement", "application"])
        self.load("granted", ["person", "entitlement", "ends"])
        self.load("changed", ["person"])
        self.load("changed_context", CONTEXT)
        self.keys("actual")
        if self.mode == "everything":
            self.run_text(f"create table person as select * from read_csv('{folder}/person.csv', header = false, "
                          "columns = {'person': 'integer', 'key': 'varchar', 'name': 'varchar'})")
        self.run_text("analyze")

    @staticmethod
    def statements(path):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("--")]
        return [part for part in "\n".join(lines).split(";") if part.strip()]

    def run_text(self, text, parameters=None):
        return self.database.execute(text, parameters)

    def load(self, name, columns):
        numbers = numpy.fromfile(self.folder / f"{name}.bin", dtype="<i4").reshape(-1, len(columns))
        source = {column: numpy.ascontiguousarray(numbers[:, place]) for place, column in enumerate(columns)}
        self.database.register("source", source)
        self.run_text(f"create table {name} as select * from source")
        self.database.unregister("source")

    def keys(self, name):
        numbers = numpy.fromfile(self.folder / f"{name}.bin", dtype="<i8")
        self.database.register("source", {"key": numbers})
        self.run_text(f"create or replace table {name} as select key from source")
        self.database.unregister("source")

    def run(self, *names, today=TODAY, among=None):
        """Carries out texts; `among` replaces the tables of everybody by those of some."""
        with Timed(os.getpid()) as timed:
            for name in names:
                for statement in self.texts[name]:
                    for table, other in (among or {}).items():
                        statement = statement.replace(f" {table} ", f" {other} ")
                    self.run_text(statement.replace("$today", str(today)))
        return timed

    def count(self, table):
        return self.run_text(f"select count(*) from {table}").fetchall()[0][0]


def differ(duck, ours, theirs, columns="key"):
    both = f"select count(*) from (select {columns} from {{}} except all select {columns} from {{}})"
    return sum(duck.run_text(both.format(*pair)).fetchall()[0][0] for pair in [(ours, theirs), (theirs, ours)])


def check(engine, duck, people, arguments):
    """Every row of both answers."""
    _, written = engine.ask("write")
    found = {}
    for table in ["wanted", "added", "removed"]:
        duck.keys(f"engine_{table}")
        found[table] = duck.count(table)
        wrong = differ(duck, f"engine_{table}", table)
        if wrong:
            sys.exit(f"{people} people: {wrong} rows of {table} are not the same on both sides")
    if arguments.mode == "everything" and people <= 100_000:
        duck.run_text(f"create or replace table engine_account as select * from read_csv('{duck.folder}/engine_accounts.csv', "
                      "header = false, columns = {'person': 'integer', 'application': 'integer', 'department': 'varchar', "
                      "'login': 'varchar', 'mail': 'varchar', 'name': 'varchar'})")
        columns = "person, application, department, login, mail, name"
        wrong = differ(duck, "engine_account", "account", columns)
        if wrong:
            sys.exit(f"{people} people: {wrong} accounts are not the same on both sides")
        found["accounts"] = duck.count("account")
    say(what="answers are the same, row by row", people=people, **found)


def measure(arguments, people, folder):
    engine = Engine(arguments, people, folder)
    duck = Duck(arguments, folder)
    texts = ["best", "accounts"] if arguments.mode == "everything" else ["best"]
    duck.run(*texts)
    ratios = {}

    def pair(what, ours, theirs):
        say(what=what, side="engine", people=people, **ours)
        say(what=what, side="duckdb", people=people, **theirs)
        for kind in ["wall", "cpu"]:
            ratios.setdefault((what, kind), []).append(theirs[kind] / ours[kind])

    def together(*timed):
        return {"wall": sum(one.wall for one in timed), "cpu": sum(one.cpu for one in timed),
                "background": max(one.background for one in timed)}

    for number in range(arguments.pairs):
        timed, loaded = engine.ask("load")
        say(what="load", side="engine", people=people, **loaded)
        compute, _ = engine.ask("compute")
        difference, counted = engine.ask("difference")
        first = together(compute, difference)
        say(what="parts", people=people, compute=compute.numbers(), difference=difference.numbers(), found=counted)
        theirs = duck.run(*texts).numbers()
        pair("W1 full, first time", first, theirs)
        compute, _ = engine.ask("compute")
        difference, _ = engine.ask("difference")
        say(what="parts again", people=people, compute=compute.numbers(), difference=difference.numbers())
        pair("W1 full, again", together(compute, difference), duck.run(*texts).numbers())
        if number == 0:
            check(engine, duck, people, arguments)
            if people <= 100_000 or arguments.plain_sql:
                duck.run_text("create or replace table held as select (key >> 20)::integer as person, "
                              "(key & 1048575)::integer as entitlement from actual")
                plain = duck.run("plain")
                say(what="W1 full, plain SQL", side="duckdb", people=people, **plain.numbers())
    # The day's changes, and one person at a time. Each side takes the changes in, and finds what is held of those whom they
    # concern among what is held of all.
    engine.ask("confirm")
    duck.run_text("create table first_context as select * from context where person in (select person from changed)")
    among = {"context": "changed_context", "actual": "changed_actual", "granted": "changed_granted"}
    for number in range(arguments.pairs):
        timed, answer = engine.ask("changed")
        ours = {"wall": answer["with_difference"], "cpu": answer["with_difference"], "background": timed.background}
        theirs = together(duck.run("changes"), duck.run("best", today=TODAY + 1, among=among))
        found = {"added": duck.count("added"), "removed": duck.count("removed")}
        if any(answer["found"][table] != rows for table, rows in found.items()):
            sys.exit(f"changed people: {answer['found']} on one side, {found} on the other")
        say(what="W3 parts", of=people, **answer)
        pair(f"W3 {answer['people']} changed", ours, theirs)
        engine.ask("prepare_changed")
        duck.run_text("delete from context where person in (select person from changed)")
        duck.run_text("insert into context select * from first_context")
    one = engine.ask("one")[1]
    say(what="W2 one changed", side="engine", people=people, **one)
    times = []
    for number in range(200):
        someone = (number * 7_368_787 + 12_345) % people
        duck.run_text(f"create or replace temp table one_context as select * from context where person = {someone}")
        low, high = someone << 20, (someone + 1) << 20
        duck.run_text(f"create or replace temp table one_actual as select key from actual where key >= {low} and key < {high}")
        duck.run_text(f"create or replace temp table one_granted as select * from granted where person = {someone}")
        times.append(duck.run("best", among={"context": "one_context", "actual": "one_actual",
                                             "granted": "one_granted"}).wall * 1e6)
    times.sort()
    say(what="W2 one changed", side="duckdb", people=people, p50_us=times[100], p99_us=times[198])
    for question in ["why", "rule", "next_day", "memory"]:
        say(what=question, side="engine", people=people, **engine.ask(question)[1])
    for (what, kind), found in ratios.items():
        say(what=what, people=people, ratio=f"duckdb by engine, {kind}", median=round(statistics.median(found), 1),
            least=round(min(found), 1), most=round(max(found), 1), pairs=len(found), mode=arguments.mode,
            threads=arguments.threads, duckdb=duckdb.__version__)
    engine.child.stdin.close()
    engine.child.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--mode", choices=["plain", "everything"], default="plain")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--plain-sql", action="store_true", help="also the plain SQL above 100,000 people")
    arguments = parser.parse_args()
    for people in arguments.people:
        with tempfile.TemporaryDirectory() as folder:
            measure(arguments, people, folder)


main()

"""What goes wrong is told with object, field, value, what is allowed, and the next step; nothing ends in a stack."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

import pytest
import yaml
from typer.testing import CliRunner

from napsim.cli.main import app
from napsim.cli.unanswered import told
from napsim.live.errors import Forbidden, Status, Unauthorized
from tests.cli.conftest import KUBECONFIG

EXAMPLES: Final = Path(__file__).parents[2] / "manifests/examples"
CHECKS: Final = Path(__file__).parents[2] / "manifests/napsim-checks.yaml"
WIDE: Final = {"COLUMNS": "400", "TERM": "dumb", "KUBECONFIG": "", "KUBERNETES_SERVICE_HOST": ""}
FILES: Final = {
    "torn.yaml": "a: [1, 2\nb: }\n",
    "text.yaml": "just text\n",
    "kind.yaml": "apiVersion: napsim.dev/v1alpha1\nkind: NodeImages\nmetadata: {name: x}\nspec: {}\n",
    "field.yaml": (
        "apiVersion: napsim.dev/v1alpha1\nkind: NodeImage\nmetadata: {name: x}\n"
        "spec: {osSKU: Ubuntu2404, definition: 2404gen2containerd, version: 202602.14.0, versio: x}\n"
    ),
    "value.yaml": (
        "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: default}\nspec:\n"
        "  disruption: {consolidateAfter: 1m, budgets: [{nodes: many}]}\n"
        "  template:\n    spec:\n      requirements: []\n"
        "      nodeClassRef: {group: karpenter.azure.com, kind: AKSNodeClass, name: x}\n"
    ),
    "number.yaml": (
        "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: default}\nspec:\n"
        "  disruption: {consolidateAfter: 1m, budgets: [{nodes: 5}]}\n"
        "  template:\n    spec:\n      requirements: []\n"
        "      nodeClassRef: {group: karpenter.azure.com, kind: AKSNodeClass, name: x}\n"
    ),
    "comment.yaml": "# nothing yet\n",
    "other.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
    "trace.jsonl": "not json\n",
    "checks.yaml": (
        "apiVersion: napsim.dev/v1alpha1\nkind: Checks\nmetadata: {name: x}\nspec: {checks: [{id: a, finishs: {}}]}\n"
    ),
    "astray": yaml.safe_dump({**KUBECONFIG, "clusters": []}),
}
BEGIN: Final = "to try it on examples: napsim examples --write manifests"
NO_FILE: Final = ("nowhere: cannot be read: No such file or directory", BEGIN)
EMPTY: Final = ("empty: there is no YAML or JSON file in it", BEGIN)
TORN: Final = ("torn.yaml:2: not valid YAML: did not find expected ',' or ']'",)
INSTANT: Final = ("'soon': must be of type date-time: RFC 3339, such as 2026-02-15T01:00:00Z",)
SILENT: Final = (
    "connection refused; is it up (kubectl cluster-info, napsim cluster status)",
    "--kubeconfig, --context",
)
NO_CONFIG: Final = (
    "no kubeconfig found: give --kubeconfig, set KUBECONFIG, create ~/.kube/config, or run inside",
    "napsim cluster kubeconfig",
)
UNKNOWN: Final = ("context 'elsewhere' not found; known: here",)
UNWRITABLE: Final = ("cannot be written: No such file or directory",)

# Command line (E: the examples, CHECKS: theirs, U: a kubeconfig of a server that does not answer), exit code, what
# is said.
ERRORS: Final[list[tuple[str, int, tuple[str, ...]]]] = [
    ("nosuch", 2, ("No such command 'nosuch'", "--help")),
    ("simulate", 2, ("Missing argument 'PATH'", "--help")),
    ("simulate E --nosuch", 2, ("No such option: --nosuch", "--help")),
    ("simulate nowhere", 2, NO_FILE),
    ("simulate empty", 2, EMPTY),
    ("simulate -", 2, ("(stdin): nothing came from standard input",)),
    ("simulate comment.yaml", 2, ("comment.yaml: there is no YAML or JSON document in it", BEGIN)),
    ("simulate torn.yaml", 2, TORN),
    ("simulate text.yaml", 2, ("text.yaml:1: object/(no name): 'just text': a manifest must be an object",)),
    (
        "simulate kind.yaml",
        2,
        ("kind.yaml:2: NodeImages/x: kind: 'NodeImages': no such kind", "served are", "NodeImage"),
    ),
    ("simulate field.yaml", 2, ("field.yaml:4: NodeImage/x: spec.versio: unknown field; did you mean version?",)),
    (
        "simulate value.yaml",
        2,
        ("NodePool/default: spec.disruption.budgets[0].nodes: 'many': must match '^((100|", "such as 3 or 10%"),
    ),
    ("simulate number.yaml", 2, ('budgets[0].nodes: 5: must be of type string: write it in quotes, "5"',)),
    ("simulate other.yaml", 2, ("other.yaml: there must be at least one NodePool", BEGIN)),
    ("simulate E --until soon", 2, ("'--until'", *INSTANT)),
    (
        "simulate E --until 2025-01-01T00:00:00Z",
        2,
        ("--until: '2025-01-01T00:00:00Z': must be after the start, 2026-02",),
    ),
    ("simulate E --start 9999-01-01T00:00:00Z", 2, ("'--start': '9999-01-01T00:00:00Z': must be from 1970 to 2199",)),
    ("simulate E --seed -1", 2, ("'--seed': '-1': must be greater than or equal to 0",)),
    ("simulate E --runs 2 --follow", 2, ("--follow: shows one run: leave --runs out",)),
    ("simulate E --speed 60", 2, ("--speed: is for --follow, and without it nothing is shown while it happens",)),
    ("simulate E --output yaml", 2, ("'--output' / '-o': 'yaml' is not one of 'text', 'json'",)),
    ("lint nowhere", 2, NO_FILE),
    ("lint empty", 2, EMPTY),
    ("lint empty E", 2, EMPTY),
    ("lint -", 2, ("(stdin): nothing came from standard input",)),
    ("lint chart", 2, ("chart: there is no manifest in it that a rule reads; templates of a Helm chart are", BEGIN)),
    ("lint others", 2, ("others: there is no manifest in it that a rule reads", BEGIN)),
    ("lint E --select NAP999", 2, ("--select: no rule is called 'NAP999'; allowed are codes NAP001 to NAP404",)),
    ("lint E --ignore NAP9", 2, ("--ignore: no rule is called 'NAP9'",)),
    ("lint E --statistics --output sarif", 2, ("--statistics: are told as text: leave --output out",)),
    ("lint E --at soon", 2, INSTANT),
    ("lint E --config nowhere", 2, ("--config: nowhere: No such file or directory",)),
    ("lint", 2, ("there must be files, folders or - for standard input; or --cluster",)),
    ("windows nowhere", 2, NO_FILE),
    ("windows empty", 2, EMPTY),
    ("windows other.yaml", 2, ("other.yaml: there is no MaintenanceConfiguration in it", BEGIN)),
    ("windows torn.yaml", 2, TORN),
    ("windows E --count 0", 2, ("'--count': '0': must be greater than or equal to 1",)),
    ("windows E --time-zone Mars/Phobos", 2, ("'Mars/Phobos': must be an IANA time zone, such as Europe/Berlin",)),
    ("windows E --html nofolder/x.html", 2, ("nofolder/x.html: ", *UNWRITABLE)),
    ("budgets empty", 2, EMPTY),
    ("budgets", 2, ("manifests, a live --cluster, or a wish: --only, --weekend-only or --only-windows",)),
    (
        "budgets E --nodes many",
        2,
        ("--nodes: 'many': must be a number of nodes up to 1000000, alone or as pool=number",),
    ),
    (
        "budgets E --nodes defalt=3",
        2,
        ("--nodes: NodePool/defalt: there is no such NodePool; there are default, system",),
    ),
    ("budgets E --span 3y", 2, ("'3y': must be a span from 1m to 366d, such as 7d, 2w or 36h",)),
    ("budgets E --reason Drift", 2, ("'--reason': 'Drift' is not one of 'Drifted', 'Empty', 'Underutilized'",)),
    ("budgets --only Someday --nodes 1", 2, ("--only: 'Someday': must be days, alone or with times: 'Sat,Sun'",)),
    ("import az nowhere", 2, NO_FILE[:1]),
    ("import az empty", 2, EMPTY[:1]),
    ("import az other.yaml", 2, ("other.yaml: there is no maintenance configuration and no upgrade channel in it",)),
    ("export az nowhere", 2, NO_FILE),
    ("export az empty", 2, EMPTY),
    ("export az other.yaml", 2, ("other.yaml: there is no MaintenanceConfiguration in it", BEGIN)),
    ("export terraform E --form tf", 2, ("'--form': 'tf' is not one of 'azurerm', 'azapi'",)),
    ("diff empty empty", 2, EMPTY[:1]),
    ("diff E", 2, ("there must be two files or folders, or revisions of git; given is one: ",)),
    ("why defalt E", 2, ("'defalt': is neither a Node, a NodePool nor an image here; there are NodePools: default",)),
    (
        "why default E --at 2020-01-01T00:00:00Z",
        2,
        ("--at: '2020-01-01T00:00:00Z': must not be before the start, 2026-",),
    ),
    ("why default nowhere", 2, NO_FILE),
    ("why default empty", 2, EMPTY),
    ("why default", 2, (*NO_CONFIG, "or name manifests (files or folders) to answer from")),
    ("check", 2, ("napsim-checks.yaml: cannot be read: No such file", BEGIN)),
    ("check empty --checks CHECKS", 2, EMPTY),
    ("check --checks checks.yaml", 2, ("Checks/x: spec.checks[0].finishs: unknown field; did you mean finishes?",)),
    ("advise --checks nowhere", 2, NO_FILE),
    ("advise empty --checks CHECKS", 2, EMPTY),
    ("sweep empty --vary pool/default:budget=1..3", 2, EMPTY),
    ("sweep E", 2, ("Missing option '--vary'",)),
    ("sweep E --vary x", 2, ("'x': must be TARGET:FIELD=VALUES, such as pool/default:budget=5%..50%/5%",)),
    ("sweep E --vary pool/defalt:budget=1..3", 2, ("NodePool/defalt is not in the input; there are default, system",)),
    (
        "sweep E --vary pool/default:budgt=1..3",
        2,
        ("the field 'budgt' of a NodePool must be budget, expireAfter, terminationGracePeriod, or a path such as",),
    ),
    ("sweep E --vary pool/default:budget=5..1", 2, ("'5..1' must go up, by at least 1, in at most 2000 steps",)),
    (
        "sweep E --vary pool/default:budget=1..900 --vary pool/default:expireAfter=1h..9h",
        2,
        ("--vary: 8100 combinations: at most 2000 are forecast: give fewer values, or larger steps",),
    ),
    (
        "sweep E --vary pool/default:budget=1,2 --dask tcp://x:1 --processes 2",
        2,
        ("--processes: forecasts go to the workers of --dask: give one of the two",),
    ),
    ("sweep E --vary pool/default:budget=1..3 --plot x.png", 2, ("--plot: 'x.png': must end in .svg or .html",)),
    ("trace diff nowhere trace.jsonl", 2, ("nowhere: cannot be read: No such file", "napsim simulate --trace")),
    ("trace diff trace.jsonl trace.jsonl", 2, ("trace.jsonl:1: no record of a trace: JSON is malformed",)),
    ("timings empty", 2, EMPTY[:1]),
    ("timings E", 1, ("no NodeClaim has been launched", "take a snapshot of a cluster in which nodes were")),
    ("timings --kubeconfig U", 1, SILENT),
    ("snapshot", 2, NO_CONFIG),
    ("snapshot --kubeconfig nowhere", 2, ("--kubeconfig nowhere: no such file",)),
    ("snapshot --kubeconfig astray", 2, ("astray: cluster 'here' not found; known: none",)),
    ("snapshot --kubeconfig torn.yaml", 2, ("torn.yaml: is not YAML",)),
    ("snapshot --kubeconfig U --context elsewhere", 2, UNKNOWN),
    ("snapshot --kubeconfig U", 1, SILENT),
    ("watch --once --kubeconfig U", 1, SILENT),
    ("watch --interval 0", 2, ("'--interval': '0': must be greater than or equal to 0.1",)),
    ("run --kubeconfig U --context elsewhere", 2, UNKNOWN),
    ("run --lease-seconds 1", 2, ("'--lease-seconds': '1': must be greater than or equal to 3",)),
    ("run --log-level loud", 2, ("'loud' is not one of 'debug', 'info', 'warning', 'error'",)),
    ("run --log-format xml", 2, ("'xml' is not one of 'text', 'json'",)),
    ("run --metrics-port 99999", 2, ("'99999': must be less than or equal to 65535",)),
    ("adopt", 2, ("Missing option '--pool'",)),
    ("adopt --pool default --kubeconfig U", 1, SILENT),
    ("release --dry-run --kubeconfig U", 1, SILENT),
    ("doctor --kubeconfig U", 2, SILENT),
    ("doctor --fail-on info", 2, ("'info' is not one of 'warning', 'error'",)),
    ("version --kubeconfig nowhere", 2, ("nowhere: no such file",)),
    ("completion tcsh", 2, ("'tcsh' is not one of 'bash', 'zsh', 'fish'",)),
    ("crds text.yaml", 2, ("text.yaml: cannot be written: File exists",)),
    ("metrics nofolder/x", 2, ("nofolder/x: ", *UNWRITABLE)),
    ("cluster create --name Nope_", 2, ("cluster name 'Nope_': allowed are 1 to 40 of a-z, 0-9 and '-'",)),
    ("cluster create --runtime docker", 2, ("no runtime 'docker': there are kwok, kind",)),
    (
        "cluster create --workers 2 --fake-nodes",
        2,
        ("--workers, --fake-nodes: runtime kwok has no real nodes: leave it out, or say --runtime kind",),
    ),
    ("cluster delete --name ../x", 2, ("cluster name '../x': allowed are 1 to 40 of a-z, 0-9 and '-'",)),
    ("demo --name a/b", 2, ("cluster name 'a/b': allowed are 1 to 40 of a-z, 0-9 and '-'",)),
    ("cluster create --workers 50", 2, ("'--workers': '50': must be less than or equal to 20",)),
    ("cluster status --name nosuch", 3, ("no cluster nosuch: create it with `napsim cluster create --name nosuch`",)),
    (
        "plugin manifest --uri http://x --sha256 1 --homepage x",
        2,
        ("'http://x': allowed is an https:// address", "64 of"),
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("mistakes")
    for name, text in FILES.items():
        (made / name).write_text(text)
    (made / "empty").mkdir()
    (made / "chart/templates").mkdir(parents=True)
    (made / "chart/Chart.yaml").write_text("name: x\n")
    (made / "chart/templates/pool.yaml").write_text("{{ .Values.pool }}\n")
    (made / "others").mkdir()
    (made / "others/map.yaml").write_text(FILES["other.yaml"])
    return made


@pytest.mark.parametrize(("line", "code", "said"), ERRORS, ids=[line for line, _, _ in ERRORS])
def test_it_is_told_what_is_wrong_where_and_what_to_do(
    line: str, code: int, said: tuple[str, ...], folder: Path, unreachable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    words = {"E": str(EXAMPLES), "U": str(unreachable), "CHECKS": str(CHECKS)}
    arguments = [words.get(word, word) for word in shlex.split(line)]
    done = CliRunner().invoke(app, arguments, env={**WIDE, "HOME": str(folder), "NAPSIM_CLUSTERS_DIR": str(folder)})
    heard = " ".join(done.stderr.split())
    assert done.exit_code == code, heard
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert [part for part in said if part not in heard] == [], heard


def test_who_may_not_is_told_where_to_ask() -> None:
    status = Status(reason="Forbidden", message='nodes is forbidden: User "me" cannot list resource "nodes"')
    assert told(Forbidden(403, status)) == (
        '403 Forbidden: nodes is forbidden: User "me" cannot list resource "nodes"; '
        "ask for it, or name another --context; docs/rbac.md lists what napsim needs"
    )
    assert told(Unauthorized(401, Status(reason="Unauthorized", message="Unauthorized"))).endswith(
        "the credentials of the kubeconfig are not accepted: log in anew, or name another --context"
    )

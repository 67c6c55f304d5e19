"""Manifests for Kubernetes: put together by kustomize, held to Kubernetes' own schemas, and to what DFD asks for."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from tests.architecture.tree import ROOT
from tests.model_servers import PYTHON
from tests.servers import START_LIMIT_S, not_installed

from dfd.settings import Settings, load_settings

MANIFESTS = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("development", "production", "production-kserve")
VERSIONS = ("1.31", "1.37")
"""Of Kubernetes: an old one that clusters still run, and the newest that the schemas are at hand of."""

OF_OTHERS = {"keda.sh/v1alpha1", "serving.kserve.io/v1beta1"}
"""Kinds that Kubernetes itself does not know."""

SECRETS = {
    "database_url": "postgresql://dfd:word@db/dfd",
    "broker_url": "redis://:word@redis:6379/0",
    "storage_access_key_id": "key",
    "storage_secret_access_key": "word",
    "jwt_secret": "d1c5e0f09fa34b1f8f2f",
}
"""Files of the Secret `dfd`, as docs/deployment.md says."""

Document = dict[str, Any]


def rendered(overlay: str) -> list[Document]:
    kubectl = shutil.which("kubectl") or pytest.skip("no kubectl, which has kustomize in it")
    command = [kubectl, "kustomize", str(MANIFESTS / "overlays" / overlay)]
    made = subprocess.run(command, check=False, capture_output=True, encoding="utf-8", timeout=START_LIMIT_S)
    assert (made.returncode, made.stderr) == (0, "")
    return list(yaml.safe_load_all(made.stdout))


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> list[Document]:
    return rendered(request.param)


def of_kind(documents: list[Document], kind: str) -> Iterator[Document]:
    return (document for document in documents if document["kind"] == kind)


@pytest.mark.parametrize("path", sorted(MANIFESTS.rglob("*.yaml")), ids=lambda path: str(path.relative_to(MANIFESTS)))
def test_each_file_follows_the_schema(path: Path) -> None:
    """As it is written, so that there is a check where there is no kubectl."""
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        assert document["kind"]
        if document["apiVersion"] not in OF_OTHERS and "kustomize" not in document["apiVersion"]:
            kubernetes_validate.validate(document, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_kustomize_makes_follows_the_schema(overlay: list[Document], version: str) -> None:
    for document in overlay:
        if document["apiVersion"] not in OF_OTHERS:
            kubernetes_validate.validate(document, version, strict=True)
            assert document["kind"] == "Namespace" or document["metadata"]["namespace"] == "dfd"


def test_pods_have_no_more_rights_than_they_need(overlay: list[Document]) -> None:
    for deployment in of_kind(overlay, "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert re.fullmatch(r"dfd:\d+\.\d+\.\d+", container["image"])
        assert {"startupProbe", "livenessProbe"} <= container.keys()
        assert container["resources"]["limits"].keys() == container["resources"]["requests"].keys()
        written = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
        assert written == {"/var/lib/dfd", "/var/tmp", "/tmp"}
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_every_deployment_is_guarded(overlay: list[Document]) -> None:
    for deployment in of_kind(overlay, "Deployment"):
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        for kind, place in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
            selectors = [document["spec"][place].get("matchLabels", {}) for document in of_kind(overlay, kind)]
            assert [selector for selector in selectors if selector and selector.items() <= labels.items()], kind
    by_default = next(policy for policy in of_kind(overlay, "NetworkPolicy") if not policy["spec"]["podSelector"])
    assert by_default["spec"].keys() == {"podSelector", "policyTypes"}


def test_what_is_scaled_is_there(overlay: list[Document]) -> None:
    deployments = {deployment["metadata"]["name"] for deployment in of_kind(overlay, "Deployment")}
    scaled = [*of_kind(overlay, "HorizontalPodAutoscaler"), *of_kind(overlay, "ScaledObject")]
    assert {one["spec"]["scaleTargetRef"]["name"] for one in scaled} <= deployments
    for one in of_kind(overlay, "ScaledObject"):
        (trigger,) = one["spec"]["triggers"]
        (metric,) = re.findall(r"\bdfd_\w+", trigger["metadata"]["query"])
        assert f"`{metric}`" in (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")


def test_processes_start_with_the_settings_that_they_are_given(
    overlay: list[Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in SECRETS.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    given = {document["metadata"]["name"]: document["data"] for document in of_kind(overlay, "ConfigMap")}
    for deployment in of_kind(overlay, "Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        environment = dict(given[container["envFrom"][0]["configMapRef"]["name"]])
        environment |= {entry["name"]: entry["value"] for entry in container["env"]}
        assert environment.pop("FORWARDED_ALLOW_IPS", "*") == "*"  # Uvicorn's own
        assert {name.lower() for name in environment} <= Settings.model_fields.keys()
        if "SECRETS_DIR" in environment:
            mounted = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "secrets"]
            assert mounted == [environment["SECRETS_DIR"]]
            environment["SECRETS_DIR"] = str(tmp_path)
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            settings = load_settings()
        assert settings.metrics_port == 9464
        if "SECRETS_DIR" in environment:
            assert settings.jobs_url == SECRETS["database_url"]


@pytest.mark.parametrize("overlay", ["production", "production-kserve"])
def test_the_proof_for_a_certificate_reaches_who_answers(overlay: str) -> None:
    """By HTTP-01 of ACME, for which cert-manager starts a pod of its own in the ingress's namespace."""
    documents = rendered(overlay)
    (ingress,) = of_kind(documents, "Ingress")
    assert "cert-manager.io/cluster-issuer" in ingress["metadata"]["annotations"]
    solver = {"acme.cert-manager.io/http01-solver": "true"}
    (policy,) = (
        one for one in of_kind(documents, "NetworkPolicy") if one["spec"]["podSelector"].get("matchLabels") == solver
    )
    (callers,) = (one for one in of_kind(documents, "NetworkPolicy") if one["metadata"]["name"] == "callers-to-api")
    assert policy["spec"]["ingress"] == [{"from": callers["spec"]["ingress"][0]["from"], "ports": [{"port": 8089}]}]


def test_the_ingress_takes_what_nginx_takes() -> None:
    (ingress,) = of_kind(rendered("production"), "Ingress")
    annotations = ingress["metadata"]["annotations"]
    nginx = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text(encoding="utf-8")
    assert f"client_max_body_size {annotations['nginx.ingress.kubernetes.io/proxy-body-size']};" in nginx
    assert f"rate={annotations['nginx.ingress.kubernetes.io/limit-rps']}r/s" in nginx
    assert f"dfd_connections {annotations['nginx.ingress.kubernetes.io/limit-connections']};" in nginx


def test_kserve_knows_every_field_of_the_inference_service() -> None:
    (service,) = of_kind(rendered("production-kserve"), "InferenceService")
    if not PYTHON.exists():
        not_installed("no KServe: `make servers` installs it")
    told = []
    for changed in (service, {**service, "spec": {"predictor": {"model": {"modelFormt": {}}}}}):
        command = [str(PYTHON), str(ROOT / "tests" / "served" / "inference_service.py")]
        asked = subprocess.run(
            command, input=json.dumps(changed), check=True, capture_output=True, encoding="utf-8", timeout=120
        )
        told.append(asked.stdout)
    assert told == ["", ".spec.predictor.model.modelFormt"]

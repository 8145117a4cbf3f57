"""What `/metrics` says, as numbers."""

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient


class Scraped:
    """One answer of `/metrics`."""

    def __init__(self, text: str) -> None:
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self._samples[name, frozenset(labels.items())]


def scrape(client: TestClient) -> Scraped:
    response = client.get("/metrics")
    assert response.status_code == 200, response.text
    return Scraped(response.text)

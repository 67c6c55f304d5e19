"""PromQL that dashboards have in common."""

from typing import Final

DFD: Final = 'job="dfd"'
ITS: Final = 'job="dfd", instance=~"$instance"'
OF_CALLERS: Final = f'{DFD}, route!~"/livez|/readyz|/health|/metrics|.*/events"'


def rate(metric: str, by: str = "", selector: str = DFD, over: str = "sum") -> str:
    """What a counter grows by in a second, added up by some labels."""
    grouped = f"{over} by ({by})" if by else over
    return f"{grouped} (rate({metric}{{{selector}}}[$__rate_interval]))"


def quantiles(metric: str, by: str = "", selector: str = DFD) -> dict[str, str]:
    """The median and the 95th percentile of a histogram, by the legends of their series."""
    groups = ", ".join(filter(None, ["le", by]))
    name = f"{{{{{by}}}}} " if by else ""
    return {
        f"{name}p{quantile}": f"histogram_quantile(0.{quantile}, {rate(metric + '_bucket', groups, selector)})"
        for quantile in (50, 95)
    }


def mean(metric: str, by: str = "") -> str:
    """The mean of what a histogram observed."""
    return f"{rate(metric + '_sum', by)} / {rate(metric + '_count', by)}"

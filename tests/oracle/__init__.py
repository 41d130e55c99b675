"""A second evaluator of Sigma: plain, slow, obvious. It judges the fast one, so it shares nothing with it.

From the rule's YAML text and the raw record on everything here is its own: no `beffroi`, no pySigma. Where speed and clearness
disagree, clearness wins. What the Sigma specification leaves open is decided as docs/sigma.md says.

    load(paths)                     the rules of files and folders
    rule.fires(raw)                 on a record as evtx-dump writes it: {"Event": {"System": …, "EventData": …}}
    rule.fires_fields(fields, ls)   on flat fields of a stated (product, category, service)
    correlate(document, matches)    a correlation over a complete list of base matches
    generate                        Hypothesis strategies: rules with events that often fire them
"""

from .correlate import correlate, correlate_all
from .errors import Unsupported
from .rules import PlainRule, Refusal, load, parse_documents
from .windows import flatten

__all__ = ["PlainRule", "Refusal", "Unsupported", "correlate", "correlate_all", "flatten", "load", "parse_documents"]

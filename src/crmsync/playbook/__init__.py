"""The admin's YAML: read, checked, and made into crmsync.model.rules.Playbook."""

from crmsync.playbook.load import load, shipped, write_defaults

__all__ = ["load", "shipped", "write_defaults"]

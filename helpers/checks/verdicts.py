"""What a check can find out about an answer, other than that it is right."""


class Wrong(Exception):
    """An answer that is not right; the message says what is wrong and hints at why."""


class NotAnswered(Exception):
    """The stub is still in place."""


class TimeOver(BaseException):
    """An answer ran too long; no ``except Exception`` of the answer can swallow it."""


def require(condition: object, hint: str) -> None:
    """Raises ``Wrong`` with the hint unless the condition holds."""
    if not condition:
        raise Wrong(hint)

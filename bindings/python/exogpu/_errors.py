"""The one exception of the package."""


class ExogpuError(RuntimeError):
    """A call failed. `code` is the name of the error, such as "out_of_memory"; the text says what and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type["ExogpuError"], tuple[str, str]]:
        return type(self), (self.code, str(self))
